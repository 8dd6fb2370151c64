package page_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"dunnock/internal/page"
)

const hostile = "</script><script>alert(1)</script><!--\u2028\""

// Text from outside ends neither the script nor an element, and comes out as it went in.
func TestText(t *testing.T) {
	p := page.Page{
		Title: hostile, Template: `{{define "header"}}<p>{{.}}</p>{{end}}{{define "footer"}}<i title="{{.}}"></i>{{end}}`, Values: hostile,
		Style: ".x { color: red; }", Script: "page.element('p');", Data: map[string]string{hostile: hostile},
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := strings.Count(text, "</script>"); n != 2 {
		t.Errorf("%d ends of scripts, want 2", n)
	}
	m := regexp.MustCompile(`(?m)^<script>const data = (.*), palette = (\{.*\});$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("no data")
	}
	var data map[string]string
	if err := json.Unmarshal([]byte(m[1]), &data); err != nil || data[hostile] != hostile {
		t.Errorf("the data is %q, %v", m[1], err)
	}
	var palette map[string][]string
	if err := json.Unmarshal([]byte(m[2]), &palette); err != nil || len(palette["light"]) != len(palette["dark"]) || len(palette["light"]) == 0 {
		t.Errorf("the palette is %q, %v", m[2], err)
	}
	for _, want := range []string{".x { color: red; }", "page.element('p');", "Permission is hereby granted", "color-scheme: light dark", "&lt;/script&gt;"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// The script's parts make text of strings, and ask nothing of a network.
func TestScript(t *testing.T) {
	var b bytes.Buffer
	p := page.Page{Template: `{{define "header"}}{{end}}{{define "footer"}}{{end}}`}
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?i)insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|XMLHttpRequest|import\(|@import|url\(|\ssrc=`).FindString(b.String()); m != "" {
		t.Errorf("the page has %q", m)
	}
}

func TestFaults(t *testing.T) {
	for name, p := range map[string]page.Page{
		"template": {Template: `{{define "header"}}`},
		"no parts": {},
		"data":     {Template: `{{define "header"}}{{end}}{{define "footer"}}{{end}}`, Data: func() {}},
		"value":    {Template: `{{define "header"}}{{.Nothing.Here}}{{end}}{{define "footer"}}{{end}}`, Values: 3},
	} {
		if err := p.Write(&bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
