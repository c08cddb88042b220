package httpclient

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"reprise.dev/guest/internal/wasihttp"
)

func TestHeadersHaveOneOrder(t *testing.T) {
	header := http.Header{"X-B": {"2", "3"}, "X-A": {"1"}, "Accept": {"*/*"}}
	want := []wasihttp.Header{{Name: "accept", Value: "*/*"}, {Name: "x-a", Value: "1"}, {Name: "x-b", Value: "2"},
		{Name: "x-b", Value: "3"}}
	for range 20 {
		if got := headersOf(header); !reflect.DeepEqual(got, want) {
			t.Fatal(got)
		}
	}
}

func TestResponsesLookLikeThoseOfTheStandardTransport(t *testing.T) {
	got := responseTo(nil, wasihttp.Response{
		Status: 404, Headers: []wasihttp.Header{{Name: "set-cookie", Value: "a=b"}}, Body: []byte("no"),
	})
	if got.Status != "404 Not Found" || got.ContentLength != 2 || len(got.Cookies()) != 1 {
		t.Error(got)
	}
}

func TestOffWasmTheClientSaysWhatToDo(t *testing.T) {
	client := http.Client{Transport: Transport{}}
	if _, err := client.Get("http://shop/a"); err == nil || !strings.Contains(err.Error(), "another Transport") {
		t.Error(err)
	}
	if _, err := client.Get("ftp://shop/a"); err == nil || !strings.Contains(err.Error(), "neither http nor https") {
		t.Error(err)
	}
}
