package ec2test

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decode fills the struct that into points at from the parameters of a
// request. A field has the name of its parameter, with ID for Id, or that of its
// tag `ec2:`; a slice is Name.1, Name.2 and so on; a struct in a slice is
// Name.1.Field. A pointer is nil if the parameter is absent. A parameter that no
// field takes is an error, as on EC2.
func decode(form url.Values, into any) error {
	d := decoder{form: form, taken: map[string]bool{"Action": true, "Version": true, "DryRun": true}}
	if err := d.fields("", reflect.ValueOf(into).Elem()); err != nil {
		return err
	}
	for key := range form {
		if !d.taken[key] {
			return errorf("UnknownParameter", "The parameter %s is not recognized", key)
		}
	}
	return nil
}

type decoder struct {
	form  url.Values
	taken map[string]bool
}

func (d *decoder) fields(prefix string, v reflect.Value) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			if err := d.fields(prefix, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		name := f.Name
		if plain, ok := strings.CutSuffix(name, "ID"); ok {
			name = plain + "Id"
		}
		if tag := f.Tag.Get("ec2"); tag != "" {
			name = tag
		}
		if err := d.value(prefix+name, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) value(key string, v reflect.Value) error {
	if v.Kind() == reflect.Slice {
		return d.list(key, v)
	}
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() {
		return d.fields(key+".", v)
	}
	if !d.form.Has(key) {
		return nil
	}
	d.taken[key] = true
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if err := scalar(d.form.Get(key), v); err != nil {
		return errorf("InvalidParameterValue", "Invalid value '%s' for %s: %v", d.form.Get(key), key, err)
	}
	return nil
}

func scalar(text string, v reflect.Value) error {
	if v.Type() == reflect.TypeFor[time.Time]() {
		at, err := time.Parse(time.RFC3339, text)
		v.Set(reflect.ValueOf(at))
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err
	case reflect.Int64, reflect.Int:
		n, err := strconv.ParseInt(text, 10, 32)
		v.SetInt(n)
		return err
	default:
		return fmt.Errorf("ec2test cannot decode a %s", v.Type())
	}
	return nil
}

// list decodes Name.1, Name.2 and so on, in the order of their numbers.
func (d *decoder) list(key string, v reflect.Value) error {
	var numbers []int
	for k := range d.form {
		rest, ok := strings.CutPrefix(k, key+".")
		if !ok {
			continue
		}
		digits, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(digits); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(key+"."+strconv.Itoa(n), e); err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
	}
	return nil
}
