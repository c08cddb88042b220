//go:build http

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	reprise "reprise.dev/guest"
	"reprise.dev/guest/httpclient"
)

// Only with the tag `http`: package net/http makes the module three times as large.
func init() {
	scenarios["http"] = ordinaryClient
}

func ordinaryClient(tx *reprise.Transaction, _ Input) (any, error) {
	client := http.Client{Transport: httpclient.Transport{}}
	var a, b number
	branch := tx.Branch().OnRollback(stub.Post("/b/undo").JSON(number{2}))
	err := branch.Scope(func() error {
		response, err := client.Get("http://stub.test/a")
		if err = read(response, err, &a); err != nil {
			return err
		}
		response, err = client.Post("http://stub.test/b", "application/json", strings.NewReader(`{"n":2}`))
		return read(response, err, &b)
	})
	return both{a.N, b.N}, err
}

// read reads the JSON of a response.
func read(response *http.Response, err error, into any) error {
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Request.URL, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
