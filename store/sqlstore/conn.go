package sqlstore

import (
	"context"
	"database/sql"
	"sync"
)

// conn runs SQL text: the pool, or one transaction.
type conn interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// exec runs text and returns the number of rows it changed.
func exec(ctx context.Context, c conn, text string, args ...any) (int64, error) {
	r, err := c.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query is SQL text with its parameters.
type query struct {
	text string
	args []any
}

func q(text string, args ...any) query { return query{text, args} }

// list returns all rows of a query.
func list[T any](ctx context.Context, c conn, q query, scan func(row) (T, error)) ([]T, error) {
	rows, err := c.QueryContext(ctx, q.text, q.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// first returns the first row of a query; ok is false when there is none.
func first[T any](ctx context.Context, c conn, q query, scan func(row) (T, error)) (v T, ok bool, err error) {
	all, err := list(ctx, c, q, scan)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// row scans the present row.
type row func(into ...any) error

func scanInt(r row) (n int64, err error) {
	err = r(&n)
	return n, err
}

func scanText(r row) (text string, err error) {
	err = r(&text)
	return text, err
}

// prepared is a conn whose statements are prepared once. Its queries run to their end: a context
// that can be cancelled costs the SQLite driver a goroutine for each query, which takes as long
// as the query itself, so the context is looked at before.
type prepared struct {
	on interface {
		PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
	}
	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

func (p *prepared) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.stmts[text]; ok {
		return s, nil
	}
	s, err := p.on.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if p.stmts == nil {
		p.stmts = map[string]*sql.Stmt{}
	}
	p.stmts[text] = s
	return s, nil
}

func (p *prepared) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s, ctx, err := p.begin(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (p *prepared) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, ctx, err := p.begin(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (p *prepared) begin(ctx context.Context, text string) (*sql.Stmt, context.Context, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	ctx = context.WithoutCancel(ctx)
	s, err := p.stmt(ctx, text)
	return s, ctx, err
}

// close releases the statements. Errors are those of a connection that is closed next anyway.
func (p *prepared) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.stmts {
		_ = s.Close()
	}
	p.stmts = nil
}
