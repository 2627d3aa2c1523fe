package proc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/csikit/csikit/internal/proc"
)

func ExampleRun() {
	r, err := proc.Run(context.Background(), proc.Cmd{Name: "cat", Stdin: strings.NewReader("hello")})
	fmt.Printf("%s %v\n", r.Stdout, err)

	_, err = proc.Run(context.Background(), proc.Cmd{Name: "sh", Args: []string{"-c", "echo no >&2; exit 4"}})
	var exit *proc.ExitError
	fmt.Println(errors.As(err, &exit), exit.Code, exit.Stderr)
	// Output:
	// hello <nil>
	// true 4 no
}
