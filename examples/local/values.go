package main

import (
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// quantity is a flag that takes a size as Kubernetes writes it. "" is 0.
type quantity int64

// String implements [flag.Value].
func (q *quantity) String() string {
	if *q == 0 {
		return ""
	}
	return resource.NewQuantity(int64(*q), resource.BinarySI).String()
}

// Set implements [flag.Value].
func (q *quantity) Set(text string) error {
	if text == "" {
		*q = 0
		return nil
	}
	parsed, err := resource.ParseQuantity(text)
	if err != nil || parsed.Sign() < 0 {
		return errors.New("want a size such as 512Mi or 100Gi")
	}
	*q = quantity(parsed.Value())
	return nil
}

// list is a flag that takes words with commas between them, and adds up when it
// is given again.
type list []string

// String implements [flag.Value].
func (l *list) String() string { return strings.Join(*l, ",") }

// Set implements [flag.Value].
func (l *list) Set(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			*l = append(*l, word)
		}
	}
	return nil
}
