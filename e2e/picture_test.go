package e2e

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
	"os"
	"testing"

	"postern/internal/testenv"
)

// The README's picture: three pages of a recovery side by side.
const (
	pictureFile = "../docs/portal.png"
	phoneWidth  = 384
	phoneHeight = 820
	phoneGap    = 24
	most        = 200 << 10 // bytes
)

// TestPicture keeps the README's picture small. With -picture FILE it is taken again.
func TestPicture(t *testing.T) {
	t.Parallel()
	if *picture != "" {
		if err := os.WriteFile(*picture, takePicture(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(pictureFile)
	if err != nil {
		t.Fatalf("%v: take it with go test ./e2e -run TestPicture -picture %s", err, pictureFile)
	}
	size, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if want := 3*phoneWidth + 2*phoneGap; size.Width != want || len(b) > most {
		t.Errorf("got %d pixels and %d bytes, want %d pixels and at most %d bytes", size.Width, len(b), want, most)
	}
}

func takePicture(t *testing.T) []byte {
	t.Helper()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{Width: phoneWidth, Height: phoneHeight})
	out := image.NewNRGBA(image.Rect(0, 0, 3*phoneWidth+2*phoneGap, phoneHeight))
	n := 0
	take := func() {
		page, err := png.Decode(bytes.NewReader(v.Screenshot(false)))
		if err != nil {
			t.Fatal(err)
		}
		at := image.Pt(n*(phoneWidth+phoneGap), 0)
		draw.Draw(out, page.Bounds().Add(at), page, image.Point{}, draw.Src)
		n++
	}
	v.Go(tr.SignIn)
	v.Follow(`main a[href^="` + tr.Portal + `"]`)
	v.Type("#identifier", "ada")
	v.Follow("main form .button")
	take()
	v.prove(tr, "ada")
	v.Type("#password", newPassword)
	v.Await(`!document.querySelector("[data-strength]").hidden`)
	take()
	v.save()
	v.sees("receipt.title")
	take()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
