package mount

// quiet reports whether every call has returned.
func (w *watch) quiet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.silent) == 0
}
