package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// types are what static files can be. The system's own table is not asked: it differs.
var types = map[string]string{
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".txt":         "text/plain; charset=utf-8",
	".svg":         "image/svg+xml; charset=utf-8",
	".webmanifest": "application/manifest+json; charset=utf-8",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".woff2":       "font/woff2",
}

type file struct {
	body []byte
	kind string
	tag  string
}

// Static adds every file of fsys below prefix, read once. Browsers may keep them but ask each
// time whether they changed. Files of a kind that types does not know cannot be served and, like
// a pattern that cannot be, stop the program.
func (m *Mux) Static(prefix string, fsys fs.FS) {
	files := map[string]file{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kind, ok := types[path.Ext(name)]
		if !ok {
			panic("edge: static file " + name + " has an unknown type")
		}
		body, err := fs.ReadFile(fsys, name)
		sum := sha256.Sum256(body)
		files[name] = file{body: body, kind: kind, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		return err
	})
	if err != nil {
		panic("edge: static files below " + prefix + ": " + err.Error())
	}
	m.Get(prefix+"/{file...}", Anyone, func(w http.ResponseWriter, r *http.Request) error {
		f, ok := files[r.PathValue("file")]
		if !ok {
			return Refuse(ProblemRoute, "there is nothing here")
		}
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=0, must-revalidate")
		h.Set("Content-Type", f.kind)
		h.Set("ETag", f.tag)
		h.Del("Vary")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
		return nil
	})
}
