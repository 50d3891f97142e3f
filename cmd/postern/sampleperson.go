package main

import (
	"context"
	"encoding/base32"
	"errors"
	"net/url"
	"strings"

	"postern/directory"
	"postern/directory/local"
	"postern/policy"
	"postern/secret"
)

// samplePerson is somebody of the sample company. All of it is made up, so that it may be shown.
type samplePerson struct {
	Login    string `json:"login"`
	Password string `json:"password"` // at first
	Email    string `json:"email"`
	URI      string `json:"totp_uri"` // empty: no authenticator app

	Name    string `json:"-"`
	About   string `json:"-"`
	Secret  string `json:"-"` // of the app, base32
	Mail    bool   `json:"-"` // codes by mail
	Passkey bool   `json:"-"` // may make a passkey

	app, locked, disabled, must bool
}

// samplePeople are the people, each in another plight.
func samplePeople() []samplePerson {
	return []samplePerson{
		{Login: "ada", Name: "Ada Byron", app: true, Mail: true, About: "has an authenticator app and codes by mail"},
		{Login: "ben", Name: "Ben Okafor", Mail: true, Passkey: true, About: "has codes by mail, and a passkey to be made in the browser from the sign-in page"},
		{Login: "cleo", Name: "Cleo Marchetti", About: "has nothing enrolled, and sees what everybody sees"},
		{Login: "dan", Name: "Dan Lindqvist", app: true, Mail: true, locked: true, About: "is locked out after wrong passwords; has an authenticator app and codes by mail"},
		{Login: "eve", Name: "Eve Novak", Mail: true, disabled: true, About: "is disabled: a reset never changes that"},
		{Login: "fay", Name: "Fay Delacroix", must: true, About: "was given a first password and has to change it before signing in"},
	}
}

// The methods that sample people have; a name here is a name in the trial's own configuration.
const (
	appMethod  policy.Factor = "totp"
	mailMethod policy.Factor = "email_code"
)

// settle adds the person and what they have, unless they are there already.
func (s *samplePerson) settle(ctx context.Context, p *program, dir *local.Directory) (added bool, err error) {
	s.Password = s.Login + " forgot this one"
	s.Email = s.Login + "@fernhill.example"
	if s.app {
		// The same each time for one data folder, because the store gives no secret back.
		s.Secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(p.keys.Derive("sample authenticator", []byte(s.Login), 20))
		s.URI = "otpauth://totp/" + url.PathEscape(companyName+":"+s.Login) + "?" +
			url.Values{"secret": {s.Secret}, "issuer": {companyName}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}.Encode()
		s.URI = strings.ReplaceAll(s.URI, "+", "%20") // apps show a plus sign as it is
	}
	if _, err := dir.Find(ctx, s.Login); err == nil || !errors.Is(err, directory.ErrNotFound) {
		return false, err
	}
	if _, err := dir.Add(ctx, local.Person{Login: s.Login, Name: s.Name, Emails: []string{s.Email}, Groups: []string{"Staff"},
		Password: secret.New(s.Password), Disabled: s.disabled, Locked: s.locked, MustChange: s.must}); err != nil {
		return false, err
	}
	if s.app {
		if _, err := p.app.EnrollDirectly(ctx, operator(), s.Login, appMethod, map[string]string{"secret": s.Secret}); err != nil {
			return false, err
		}
	}
	if s.Mail {
		if _, err := p.app.EnrollDirectly(ctx, operator(), s.Login, mailMethod, nil); err != nil {
			return false, err
		}
	}
	return true, nil
}
