package reprise

import (
	"testing"
	"time"
)

func TestOnlyWhatIsSetIsSent(t *testing.T) {
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{}, ""},
		{Options{Effect: ReadOnly}, `{"effect":"read-only"}`},
		{Options{Retry: Retry{NoJitter: true}}, `{"retry":{"jitter":0}}`},
		{Options{Timeout: time.Microsecond, Deadline: 2000 * time.Hour}, `{"timeout_ms":1,"deadline_ms":4294967295}`},
		{
			Options{
				Deadline:         time.Second,
				Retry:            Retry{Attempts: 3, Jitter: 0.5, Factor: 1.1},
				Headers:          map[string]string{"b": "2", "a": "1"},
				Outcomes:         Outcomes{HTTP: map[string]Outcome{"404": OutcomeFailure}},
				CompensateFailed: true,
				Effect:           Pivot,
				FullAnswer:       true,
			},
			`{"deadline_ms":1000,"retry":{"factor":1.1,"attempts":3,"jitter":0.5},"headers":{"a":"1","b":"2"},` +
				`"outcome_map":{"http":{"404":"failure"}},"compensate_failed":true,"effect":"pivot","answer":"full"}`,
		},
	} {
		got, err := test.options.json()
		if err != nil || got != test.want {
			t.Errorf("%+v\n got %s, %v\nwant %s", test.options, got, err, test.want)
		}
	}
}

func TestLooksAreObjectsOfTheInterface(t *testing.T) {
	got, err := Options{Outcomes: Outcomes{
		Matches: []Match{
			HasHeader("x-declined", OutcomeFailure),
			HeaderEquals("x-state", "later", OutcomeOngoing),
			HasBody("/error", OutcomeUnknown),
			BodyEquals("/error/code", 7, OutcomeFailure),
			BodyEquals("/error", nil, OutcomeSuccess),
		},
		IgnoreDTMResult: true,
	}}.json()
	want := `{"outcome_map":{"matches":[{"header":"x-declined","outcome":"failure"},` +
		`{"header":"x-state","equals":"later","outcome":"ongoing"},` +
		`{"body":"/error","outcome":"unknown"},{"body":"/error/code","equals":7,"outcome":"failure"},` +
		`{"body":"/error","equals":null,"outcome":"success"}],"dtm_result":false}}`
	if err != nil || got != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}
