// Package poll reads things of a cloud for all who ask, and looks at those that
// change for all who wait. The cloud tells nobody when a change is made, and
// counts the questions.
//
// # Asking
//
// A question goes out at once when none of its kind is under way. What is asked
// meanwhile goes together in the next call, for which a crowd is given a moment
// to gather: a millisecond for each who asks, at most 50. Those of a crowd who are
// ahead wait for those who came before them and still ask for things of another
// kind of the [Scope]: these may ask here next. Who is alone never waits.
//
// # Waiting
//
// Who waits alone is shown the thing 100 ms after the look before, at most, and
// sooner at first: so a change is seen at most that late. A wait of more than 20
// seconds is slower by 1/200 of its length.
//
// A crowd, of all pollers that share a [Scope], shares its looks. How many it may
// take does not depend on its size: a hundred who wait look about twice between the first and the last change that is
// to be expected, by what changes of that kind took before ([Times]). Between one
// and a hundred the cadence goes from the one to the other with the square root
// of their number. So in a crowd a change is seen late, by half of the spread of
// their durations at most, and at most 2 seconds.
package poll
