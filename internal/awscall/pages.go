package awscall

import (
	"context"
	"iter"
)

// A Paginator is one of the SDK's. O are the options of the client.
type Paginator[O, Out any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*O)) (*Out, error)
}

// Pages yields what all pages of an answer hold, once. An error is the last.
func Pages[T, O, Out any](ctx context.Context, p Paginator[O, Out], items func(*Out) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, item := range items(out) {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// Collect makes a map of what is listed.
func Collect[T, V any](list iter.Seq2[T, error], add func(m map[string]V, item T)) (map[string]V, error) {
	m := map[string]V{}
	for item, err := range list {
		if err != nil {
			return nil, err
		}
		add(m, item)
	}
	return m, nil
}
