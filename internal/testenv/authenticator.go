package testenv

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator is what a phone or a laptop has for passkeys: built in, with a memory of its own
// and a way to recognise its owner.
type Authenticator struct {
	page *Page
	id   webauthn.AuthenticatorID
}

// Authenticator gives the page's device an authenticator that recognises its owner.
func (p *Page) Authenticator() *Authenticator {
	p.t.Helper()
	id := perform(p, "add an authenticator", func(ctx context.Context, t *chromedp.Target) (webauthn.AuthenticatorID, error) {
		if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return "", err
		}
		r, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
				Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
				AutomaticPresenceSimulation: true, IsUserVerified: true}})
		return r.AuthenticatorID, err
	})
	return &Authenticator{page: p, id: id}
}

// Recognise sets whether the authenticator recognises its owner from now on.
func (a *Authenticator) Recognise(owner bool) {
	a.page.t.Helper()
	a.page.do("recognise the owner", command(webauthn.SetUserVerified,
		webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: owner}))
}

// Lie makes the authenticator answer that it did not recognise its owner, although the browser asked
// for nothing less.
func (a *Authenticator) Lie(on bool) {
	a.page.t.Helper()
	a.page.do("clear the flag of user verification", command(webauthn.SetResponseOverrideBits,
		webauthn.SetResponseOverrideBitsParams{AuthenticatorID: a.id, IsBadUV: &on}))
}

// Passkeys returns how many the authenticator holds.
func (a *Authenticator) Passkeys() int {
	a.page.t.Helper()
	r := perform(a.page, "count passkeys", func(ctx context.Context, t *chromedp.Target) (webauthn.GetCredentialsResult, error) {
		return cdp.Call(ctx, t, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
	})
	return len(r.Credentials)
}
