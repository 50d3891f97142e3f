// Package race sends the same thing to the serving program many times at the same moment: right
// codes and new passwords, to one process on SQLite and split over two on one PostgreSQL.
//
// It guards that a code, a grant and a place under a limit can be used once, however many ask at
// once and whichever node they ask, and that every message is sent once. What a lost connection to
// the database does is for package store/sqlstore to test.
package race
