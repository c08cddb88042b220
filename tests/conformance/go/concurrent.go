package main

import (
	"fmt"
	"time"

	reprise "reprise.dev/guest"
)

func fanOut(tx *reprise.Transaction, _ Input) (any, error) {
	order := []int{}
	tasks := make([]*reprise.Task[struct{}], 4)
	for i := range tasks {
		number := i + 1
		tasks[i] = reprise.Go(tx, func() (struct{}, error) {
			if _, err := get(tx, fmt.Sprintf("/w/%d", number)).Wait(); err != nil {
				return struct{}{}, err
			}
			if _, err := get(tx, fmt.Sprintf("/x/%d", number)).Wait(); err != nil {
				return struct{}{}, err
			}
			order = append(order, number)
			return struct{}{}, nil
		})
	}
	_, err := reprise.All(tx, tasks...)
	return map[string][]int{"order": order}, err
}

func race(tx *reprise.Transaction, _ Input) (any, error) {
	winner := [...]string{"call", "timer"}[tx.Race(get(tx, "/fast"), tx.Timer(10*time.Second))]
	return map[string]string{"winner": winner}, nil
}

func many(tx *reprise.Transaction, input Input) (any, error) {
	sum := 0
	for i := range input.Count {
		n, err := numberOf(get(tx, fmt.Sprintf("/%d", i+1)))
		if err != nil {
			return nil, err
		}
		sum += n
	}
	return map[string]int{"sum": sum}, nil
}

func manyTasks(tx *reprise.Transaction, input Input) (any, error) {
	tasks := make([]*reprise.Task[int], input.Count)
	for i := range tasks {
		tasks[i] = reprise.Go(tx, func() (int, error) { return numberOf(get(tx, fmt.Sprintf("/%d", i+1))) })
	}
	numbers, err := reprise.All(tx, tasks...)
	sum := 0
	for _, n := range numbers {
		sum += n
	}
	return map[string]int{"sum": sum}, err
}
