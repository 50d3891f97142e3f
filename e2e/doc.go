// Package e2e tests the whole of Postern as people meet it: the built program, a real browser, real
// directories, databases and mail servers. Each test is something that a person does, with what
// they see at each step.
//
// It holds no rule that another package's tests could hold, and knows the program only by its
// command line, its addresses and its pages. Codes of authenticator apps come from a program that is
// not ours, and a new password is tried where it is to be used. What guards a person here are the
// checks on every page that is visited: nothing is fetched from elsewhere, no script fails, no rule
// of accessibility is broken.
package e2e
