// Package redact shows messages of the CSI protocol without their secrets.
//
// What is secret is decided by the protocol's own description (the field option
// csi_secret), not by names. Two places that the description does not mark are
// added: the service account tokens in a volume context, and the values of
// mount flags such as password=. A [Message] is rendered only when a log handler
// asks for it, straight from the fields: a line that is not logged costs nothing.
//
// An error's text has no fields. [Text] removes from it the secret values that
// the request carried.
package redact
