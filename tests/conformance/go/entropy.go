package main

import (
	crypto "crypto/rand"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	reprise "reprise.dev/guest"
)

// entropy gathers whatever Go draws from its surroundings. One gid, one output, in every run and replay.
func entropy(tx *reprise.Transaction, _ Input) (any, error) {
	if _, err := get(tx, "/a").Wait(); err != nil {
		return nil, err
	}
	keys := map[string]int{}
	for i := range 50 {
		keys[fmt.Sprintf("key-%d", i)] = i
	}
	host, _ := os.Hostname()
	return map[string]any{
		"map_order":    slices.Collect(maps.Keys(keys)),
		"math_rand":    []uint64{rand.Uint64(), rand.Uint64()},
		"crypto_rand":  crypto.Text(),
		"hash_seed":    maphash.String(maphash.MakeSeed(), "reprise"),
		"wall_clock":   time.Now().UTC(),
		"monotonic_ns": time.Since(started).Nanoseconds(),
		"sleep":        slept(),
		"address":      fmt.Sprintf("%p", &keys),
		"pid":          os.Getpid(),
		"hostname":     host,
		"environment":  len(os.Environ()),
		"arguments":    len(os.Args),
		"goroutines":   goroutines(),
		"select":       selected(),
		"collections":  collections(),
		"sdk_random":   tx.RandomUint64(),
		"sdk_now":      tx.Now(),
	}, nil
}

var started = time.Now()

// slept is how long Go's own sleep takes.
func slept() string {
	before := time.Now()
	time.Sleep(20 * time.Millisecond)
	return time.Since(before).String()
}

// goroutines is the order in which plain goroutines run.
func goroutines() []int {
	order := make(chan int, 8)
	for i := range cap(order) {
		go func() {
			runtime.Gosched()
			order <- i
		}()
	}
	var seen []int
	for range cap(order) {
		seen = append(seen, <-order)
	}
	return seen
}

// selected is which of two ready channels select takes.
func selected() []int {
	left, right := make(chan int, 8), make(chan int, 8)
	for range 8 {
		left <- 0
		right <- 1
	}
	var seen []int
	for range 8 {
		select {
		case side := <-left:
			seen = append(seen, side)
		case side := <-right:
			seen = append(seen, side)
		}
	}
	return seen
}

// collections is how often the garbage collector ran while a lot of garbage was made.
func collections() uint32 {
	var keep [][]byte
	for i := range 20_000 {
		block := make([]byte, 1<<10)
		if i%100 == 0 {
			keep = append(keep, block)
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	runtime.KeepAlive(keep)
	return stats.NumGC
}
