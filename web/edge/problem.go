package edge

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"postern/app"
	"postern/directory"
	"postern/enroll"
	"postern/method"
	"postern/notify"
	"postern/recovery"
)

// Texts are the texts of the problems that the edge itself finds, in text/<language>.json under
// "problem." and the name with underscores.
//
//go:embed text/*.json
var Texts embed.FS

// Problem is an error as it is told: an RFC 9457 problem with what a page needs to say it in
// the reader's language.
type Problem struct {
	Type     string `json:"type"` // urn:postern:problem:NAME
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance"` // the request's identifier, for support

	// Name is the last part of Type.
	Name string `json:"-"`
	// Key and Params are the text for people: app's for a refusal, else "problem." and Name with
	// underscores.
	Key    string         `json:"-"`
	Params map[string]any `json:"-"`
	// Refusal is app's own, with violations and the present flow; nil when the edge refused.
	Refusal *app.Refusal `json:"-"`
	// Retry is when it makes sense to come back; sent as Retry-After.
	Retry time.Duration `json:"-"`
	// Extra are extension members (RFC 9457 section 3.2). They never replace the members above.
	Extra map[string]any `json:"-"`

	allow string
}

// The problems that the edge itself finds; app has the others.
const (
	ProblemRequest  = "malformed-request"
	ProblemType     = "unsupported-media-type"
	ProblemSize     = "body-too-large"
	ProblemSlow     = "request-timeout"
	ProblemRoute    = "not-found"
	ProblemVerb     = "method-not-allowed"
	ProblemHost     = "wrong-host"
	ProblemOrigin   = "foreign-origin"
	ProblemBusy     = "busy"
	ProblemConflict = "conflict"
	ProblemInternal = "internal"
)

type meaning struct {
	status int
	title  string
}

// meanings gives every problem its one status. A password whose fate is unknown is 409, not 5xx:
// programs and proxies repeat 5xx by themselves, and this must not be repeated. No answer yet is
// 409 too: nothing was counted and the same call may be made again after Retry-After.
var meanings = map[string]meaning{
	app.ProblemAnswer:      {http.StatusUnauthorized, "The answer was not accepted"},
	app.ProblemOrder:       {http.StatusConflict, "Not possible now"},
	app.ProblemPassword:    {http.StatusUnprocessableEntity, "The password was refused"},
	app.ProblemClosed:      {http.StatusGone, "The recovery is over"},
	app.ProblemNone:        {http.StatusUnauthorized, "No recovery"},
	app.ProblemMethod:      {http.StatusBadRequest, "The method is not offered"},
	app.ProblemMalformed:   {http.StatusBadRequest, "The answer has the wrong form"},
	app.ProblemLimited:     {http.StatusTooManyRequests, "Too many requests"},
	app.ProblemUnavailable: {http.StatusServiceUnavailable, "Try again later"},
	app.ProblemPending:     {http.StatusConflict, "No answer yet"},
	app.ProblemUnsettled:   {http.StatusConflict, "Nobody can tell whether it was done"},
	app.ProblemTicket:      {http.StatusGone, "The invitation is not valid"},
	app.ProblemSession:     {http.StatusUnauthorized, "Nobody is signed in"},

	ProblemRequest:  {http.StatusBadRequest, "The request is malformed"},
	ProblemType:     {http.StatusUnsupportedMediaType, "The content type is not supported"},
	ProblemSize:     {http.StatusRequestEntityTooLarge, "The body is too large"},
	ProblemSlow:     {http.StatusRequestTimeout, "The request took too long to arrive"},
	ProblemRoute:    {http.StatusNotFound, "Not found"},
	ProblemVerb:     {http.StatusMethodNotAllowed, "The method is not allowed here"},
	ProblemHost:     {http.StatusMisdirectedRequest, "This host is not served here"},
	ProblemOrigin:   {http.StatusForbidden, "The request comes from another site"},
	ProblemBusy:     {http.StatusServiceUnavailable, "Too busy"},
	ProblemConflict: {http.StatusConflict, "Changed by somebody else meanwhile"},
	ProblemInternal: {http.StatusInternalServerError, "Something went wrong"},
}

type condition struct {
	err  error
	name string
}

// conditions gives every exported Err… of the packages below a problem; the first match counts.
// Those that would tell something of an account are internal: app never lets them get here, and
// if it did, nothing must be told.
var conditions = []condition{
	{recovery.ErrFinished, app.ProblemClosed},
	{recovery.ErrOutOfOrder, app.ProblemOrder},
	{recovery.ErrNotOffered, app.ProblemMethod},
	{recovery.ErrStale, app.ProblemOrder},
	{enroll.ErrFinished, app.ProblemTicket},
	{enroll.ErrOutOfOrder, app.ProblemOrder},
	{app.ErrConflict, ProblemConflict},
	{app.ErrNoRow, ProblemInternal},
	{app.ErrNoEvent, ProblemInternal},
	{app.ErrNeedsBrowser, ProblemInternal}, // for operators' commands only
	{app.ErrNoCanary, ProblemInternal},
	{app.ErrRehearsed, ProblemInternal},
	{app.ErrNobody, ProblemInternal}, // for operators alone
	{app.ErrSeveral, ProblemInternal},
	{method.ErrPending, app.ProblemPending},
	{method.ErrRefused, app.ProblemAnswer},
	{method.ErrMalformed, app.ProblemMalformed},
	{directory.ErrUncertain, app.ProblemUnsettled}, // before ErrUnavailable: the stronger claim
	{directory.ErrUnavailable, app.ProblemUnavailable},
	{directory.ErrStale, ProblemConflict},
	{directory.ErrAmbiguous, ProblemInternal}, // before ErrNotFound, which it also is
	{directory.ErrNotFound, ProblemInternal},
	{directory.ErrWrongPassword, ProblemInternal},
	{directory.ErrMustChange, ProblemInternal},
	{directory.ErrRestricted, ProblemInternal},
	{directory.ErrLocked, ProblemInternal},
	{directory.ErrDisabled, ProblemInternal},
	{directory.ErrUnsupported, ProblemInternal},
	{notify.ErrPermanent, ProblemInternal},
	{context.DeadlineExceeded, app.ProblemUnavailable},
	{context.Canceled, ProblemInternal}, // not by the client: nobody would read the reply
}

// refused is what Refuse returns.
type refused struct {
	problem string
	reason  string // a constant sentence, safe to show
	allow   string
	retry   time.Duration
}

// Error names problem and reason.
func (e *refused) Error() string { return "edge: " + e.problem + ": " + e.reason }

// Refuse returns an error that is told as problem, with reason as the detail for programs. The
// reason must be a constant: nothing that the request held is repeated.
func Refuse(problem, reason string) error { return &refused{problem: problem, reason: reason} }

// ProblemOf is the one place where errors become replies. What it does not know is internal: 500
// and no text.
func ProblemOf(err error) Problem {
	if e, ok := errors.AsType[*app.Refusal](err); ok {
		p := problem(e.Problem)
		if p.Name != e.Problem { // a name that nobody knows: tell nothing of it
			return p
		}
		p.Refusal, p.Retry = e, e.Retry
		if e.Key != "" {
			p.Key, p.Params = e.Key, e.Params
		}
		return p
	}
	if e, ok := errors.AsType[*refused](err); ok {
		p := problem(e.problem)
		p.Detail, p.allow, p.Retry = e.reason, e.allow, e.retry
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem(ProblemSize)
	}
	if e, ok := errors.AsType[*app.LimitedError](err); ok {
		p := problem(app.ProblemLimited)
		p.Retry = e.Retry
		return p
	}
	if _, ok := errors.AsType[*directory.Rejected](err); ok {
		return problem(app.ProblemPassword)
	}
	for _, c := range conditions {
		if errors.Is(err, c.err) {
			return problem(c.name)
		}
	}
	return problem(ProblemInternal)
}

// problem returns the problem of that name, or the internal one.
func problem(name string) Problem {
	m, ok := meanings[name]
	if !ok {
		name, m = ProblemInternal, meanings[ProblemInternal]
	}
	return Problem{Type: "urn:postern:problem:" + name, Title: m.title, Status: m.status, Name: name,
		Key: "problem." + strings.ReplaceAll(name, "-", "_")}
}

// MarshalJSON writes the members of RFC 9457 and Extra.
func (p Problem) MarshalJSON() ([]byte, error) {
	all := maps.Clone(p.Extra)
	if all == nil {
		all = map[string]any{}
	}
	all["type"], all["title"], all["status"], all["instance"] = p.Type, p.Title, p.Status, p.Instance
	delete(all, "detail")
	if p.Detail != "" {
		all["detail"] = p.Detail
	}
	return json.Marshal(all)
}

// WriteProblem writes p as application/problem+json.
func WriteProblem(w http.ResponseWriter, p Problem) {
	body, err := json.Marshal(p)
	if err != nil {
		p = problem(ProblemInternal)
		body = []byte(`{"type":"` + p.Type + `","title":"` + p.Title + `","status":500,"instance":""}`)
	}
	w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}
