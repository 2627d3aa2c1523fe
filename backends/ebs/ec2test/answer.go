package ec2test

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strings"
	"time"
)

const namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// stamp is a time as EC2 writes it; the zero time is left out.
type stamp time.Time

// MarshalXML implements [xml.Marshaler].
func (t stamp) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if time.Time(t).IsZero() {
		return nil
	}
	return e.EncodeElement(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z"), start)
}

// encode writes the members of body into <ActionResponse>.
func encode(action, requestID string, body any) ([]byte, error) {
	var inner bytes.Buffer
	if err := xml.NewEncoder(&inner).EncodeElement(body, xml.StartElement{Name: xml.Name{Local: "r"}}); err != nil {
		return nil, err
	}
	members := strings.TrimSuffix(strings.TrimPrefix(inner.String(), "<r>"), "</r>")
	return []byte(xml.Header + "<" + action + `Response xmlns="` + namespace + `"><requestId>` + requestID + "</requestId>" + members + "</" + action + "Response>"), nil
}

func writeXML(w http.ResponseWriter, status int, requestID string, body []byte) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.Header().Set("Server", "AmazonEC2")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

func writeError(w http.ResponseWriter, requestID string, e *Error) {
	var answer struct {
		XMLName   xml.Name `xml:"Response"`
		Code      string   `xml:"Errors>Error>Code"`
		Message   string   `xml:"Errors>Error>Message"`
		RequestID string   `xml:"RequestID"`
	}
	answer.Code, answer.Message, answer.RequestID = e.Code, e.Message, requestID
	body, err := xml.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeXML(w, e.status(), requestID, append([]byte(xml.Header), body...))
}
