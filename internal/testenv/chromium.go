package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// How long the browser may take to start, and one step in it.
const (
	browserPatience = 60 * time.Second
	stepPatience    = 60 * time.Second
)

// Browser is a running Chromium without a window.
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
	dir    string
	agent  string
}

// StartChromium starts a browser with a profile of its own. Close ends it; it also ends with the
// process, because it is driven through a pipe.
func StartChromium() (*Browser, error) {
	path, err := program("chromium", "chromium")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "postern-chromium-")
	if err != nil {
		return nil, fmt.Errorf("testenv: folder for Chromium: %w", err)
	}
	b := &Browser{dir: dir}
	var said output
	// The sandbox needs rights that a container lacks; the pages are our own.
	b.ctx, b.cancel = chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.CombinedOutput(&said)))
	// The browser lives as long as the first context that runs in it, so that one has no deadline.
	tooLong := time.AfterFunc(browserPatience, b.cancel)
	err = chromedp.Do(b.ctx)
	tooLong.Stop()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("testenv: Chromium does not start: %w\n%s", err, said.String()), b.Close())
	}
	v, err := chromedp.CallBrowser(b.ctx, browser.GetVersion, cdp.Empty{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("testenv: Chromium's version: %w", err), b.Close())
	}
	b.agent = v.UserAgent
	return b, nil
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() error {
	b.cancel()
	// The browser's helpers can end a little later than it does, and write files until then.
	return waitFor("Chromium's folder", stepPatience, func() error { return os.RemoveAll(b.dir) })
}

// Visitor is who looks at a page, and with what.
type Visitor struct {
	Width, Height int    // 1280 × 900 when zero
	Dark          bool   // prefers dark colours
	Language      string // as in the browser's settings: de-CH,de,en; "en" when empty
	NoScript      bool
}

// Page is a window of a visitor of their own: it shares no cookies with others. Its methods fail
// the test when a step does not succeed in time.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	requests   []string
	complaints []string
}

// Page opens a window that closes when the test ends.
func (b *Browser) Page(t testing.TB, v Visitor) *Page {
	t.Helper()
	p := &Page{t: t}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	t.Cleanup(cancel)
	p.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("testenv: opening a window: %v", err)
	}
	if v.Width == 0 {
		v.Width, v.Height = 1280, 900
	}
	if v.Language == "" {
		v.Language = "en"
	}
	p.do("the visitor", chromedp.EmulateViewport(int64(v.Width), int64(v.Height)),
		command(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
		command(emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: b.agent, AcceptLanguage: v.Language}),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.NoScript}))
	p.Dark(v.Dark)
	return p
}

// listen keeps what the page asks the network for, and what the browser finds wrong with it. That
// a page has an error status is not wrong.
func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork && e.Entry.Level != log.EntryLevelVerbose {
			p.complaints = append(p.complaints, string(e.Entry.Source)+": "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, "exception: "+e.ExceptionDetails.Text+" "+e.ExceptionDetails.URL)
	}
}

// Requests returns every address that was asked for, in order.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Complaints returns script errors, breaches of the content security policy and warnings.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.complaints)
}

// command makes an action of a protocol command without a result.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// perform runs one action with a deadline.
func perform[T any](p *Page, what string, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepPatience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatalf("testenv: %s: %v\non %s", what, err, p.describe())
	}
	return v
}

func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	perform(p, what, chromedp.Steps(steps...))
}

// describe says where a failed step was.
func (p *Page) describe() string {
	ctx, cancel := context.WithTimeout(p.ctx, stepPatience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return v
}

// loads runs steps that lead to another page, waits for it and returns its status.
func (p *Page) loads(what string, steps ...chromedp.Action[chromedp.Void]) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepPatience)
	defer cancel()
	r, err := chromedp.RunResponse(ctx, steps...)
	if err != nil {
		p.t.Fatalf("testenv: %s: no page came: %v\non %s", what, err, p.describe())
	}
	if r == nil {
		return 0
	}
	return int(r.Status)
}

// Go opens an address and returns the status of the page.
func (p *Page) Go(address string) int {
	p.t.Helper()
	return p.loads("open "+address, chromedp.Navigate(address))
}

// Follow clicks what leads to another page, waits for it and returns its status.
func (p *Page) Follow(css string) int {
	p.t.Helper()
	return p.loads("follow "+css, chromedp.Click(chromedp.CSS(css)))
}

// Enter presses the key, waits for the page that it leads to and returns its status.
func (p *Page) Enter() int {
	p.t.Helper()
	return p.loads("press Enter", chromedp.KeyEvent("\r"))
}

// Click clicks what stays on the page.
func (p *Page) Click(css string) {
	p.t.Helper()
	p.do("click "+css, chromedp.Click(chromedp.CSS(css)))
}

// Type types into a field after what is in it.
func (p *Page) Type(css, text string) {
	p.t.Helper()
	p.do("type into "+css, chromedp.SendKeys(chromedp.CSS(css), text))
}

// Press presses keys, wherever the focus is.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do("press "+keys, chromedp.KeyEvent(keys))
}

// Edit runs an editing command of the keyboard where the focus is: selectAll, copy, paste.
func (p *Page) Edit(name string) {
	p.t.Helper()
	key := map[string]string{"selectAll": "a", "copy": "c", "paste": "v"}[name]
	p.do(name, chromedp.KeyEvent(key, chromedp.KeyModifiers(chromedp.ModifierCtrl), func(k *input.DispatchKeyEventParams) {
		if k.Type != input.DispatchKeyEventTypeKeyUp {
			k.Commands = []string{name}
		}
	}))
}

// Evaluate returns the value of an expression in the page, or of what it promises.
func Evaluate[T any](p *Page, expression string) T {
	p.t.Helper()
	return perform(p, "evaluate "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Await waits until an expression in the page is true.
func (p *Page) Await(expression string) {
	p.t.Helper()
	err := waitFor(expression, stepPatience, func() error {
		if !Evaluate[bool](p, "Boolean("+expression+")") {
			return errors.New("it is false on " + p.describe())
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// Has reports whether the page has such an element.
func (p *Page) Has(css string) bool {
	p.t.Helper()
	return Evaluate[bool](p, "document.querySelector("+quote(css)+") !== null")
}

// Text returns the text of the first such element as it is seen, and fails the test without one.
func (p *Page) Text(css string) string {
	p.t.Helper()
	if !p.Has(css) {
		p.t.Fatalf("testenv: there is no %s on %s", css, p.describe())
	}
	return strings.TrimSpace(Evaluate[string](p, "document.querySelector("+quote(css)+").innerText"))
}

// Value returns what is in a field.
func (p *Page) Value(css string) string {
	p.t.Helper()
	return Evaluate[string](p, "document.querySelector("+quote(css)+").value")
}

// Address returns where the page is.
func (p *Page) Address() *url.URL {
	p.t.Helper()
	u, err := url.Parse(Evaluate[string](p, "location.href"))
	if err != nil {
		p.t.Fatal(err)
	}
	return u
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(b)
}

// Dark changes what the visitor prefers, without loading the page again.
func (p *Page) Dark(on bool) {
	p.t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	// Without motion, colours are at once what they are in the end.
	p.do("prefer "+scheme, command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}))
}

// Resize changes the size of the window.
func (p *Page) Resize(width, height int) {
	p.t.Helper()
	p.do("resize", chromedp.EmulateViewport(int64(width), int64(height)))
}

// Screenshot returns a PNG of the whole page, or of the window alone.
func (p *Page) Screenshot(whole bool) []byte {
	p.t.Helper()
	if whole {
		return perform(p, "screenshot", chromedp.FullScreenshot(100))
	}
	return perform(p, "screenshot", chromedp.CaptureScreenshot())
}

// Isolated evaluates expressions one after the other in a world of their own, which shares the page
// and nothing of its script, and returns the value of the last.
func Isolated[T any](p *Page, expressions ...string) T {
	p.t.Helper()
	return perform(p, "isolated script", func(ctx context.Context, t *chromedp.Target) (v T, err error) {
		tree, err := cdp.Call(ctx, t, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return v, err
		}
		world, err := cdp.Call(ctx, t, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID})
		if err != nil {
			return v, err
		}
		inside := func(e *runtime.EvaluateParams) { e.ContextID = world.ExecutionContextID }
		for _, one := range expressions[:len(expressions)-1] {
			if _, err := chromedp.Evaluate[chromedp.Void](one, inside)(ctx, t); err != nil {
				return v, err
			}
		}
		return chromedp.Evaluate[T](expressions[len(expressions)-1], inside, chromedp.EvalAwaitPromise)(ctx, t)
	})
}
