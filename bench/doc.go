// Package bench measures complete password resets through the built program, beside the speed of
// the directory itself. It holds benchmarks alone, which "make bench" runs.
//
// A reset is what a person does: start, ask for and answer an authenticator's code, ask for, wait
// for and answer a mailed code, set the password. It goes over HTTP to a child process that stores
// durably (SQLite) and speaks TLS to a real slapd that stores durably. Everything runs on one
// machine, so only ratios and the processor time of the one process mean anything elsewhere;
// README.md says how and what was seen. It guards against flattering itself: each figure counts
// the work that a reset leaves behind (notices, the audit log's tree), and a reset that fails in
// any step fails the benchmark.
package bench
