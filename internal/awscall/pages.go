package awscall

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
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

// Convert yields what is made of what is listed, without that of which nothing
// (nil) is made. An error is the last.
func Convert[T, V any](list iter.Seq2[T, error], convert func(*T) *V) iter.Seq2[*V, error] {
	return func(yield func(*V, error) bool) {
		for item, err := range list {
			var v *V
			if err == nil {
				v = convert(&item)
			}
			if (v != nil || err != nil) && !yield(v, err) {
				return
			}
		}
	}
}

// ByKey makes a map of what is listed; nil is the key "". Of several with one key
// it has the last.
func ByKey[T any](list iter.Seq2[T, error], key func(T) *string) (map[string]T, error) {
	return Collect(list, func(m map[string]T, item T) { m[aws.ToString(key(item))] = item })
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
