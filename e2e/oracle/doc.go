// Package oracle asks the serving program about people of every kind (known, unknown, disabled, out
// of scope, with nothing enrolled, locked, named twice) and compares all that comes back.
//
// It guards that nobody learns from Postern who has an account: the same steps are answered with
// the same status, headers and bytes, in JSON and in pages, in every language, whether the
// directory is well, slow, silent or gone; only values that are drawn anew for each answer are
// masked. The same program gets input that must be refused, and what is kept is looked at before
// and after.
//
// What depends on the clock is not a test: how long starts take is compared by BenchmarkStart, which
// "make bench" runs. A code that was never used and has expired is for package app to test, where
// time is an argument. Browsers are for package e2e.
package oracle
