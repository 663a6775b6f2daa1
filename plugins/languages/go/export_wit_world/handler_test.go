package export_wit_world

import (
	"testing"
	"wit_component/wit_world"
)

func get(path string) (uint16, string) {
	request := wit_world.Request{Method: "GET", Path: []string{path}, Protocol: "HTTP/1.0"}
	response := Handle(request, nil).Ok()
	return response.Status, string(response.Data.Some())
}

func TestGreets(t *testing.T) {
	if status, text := get("hello"); status != 200 || text != "Hello world!" {
		t.Errorf("got %d %q", status, text)
	}
}

func TestKnowsNothingElse(t *testing.T) {
	if status, text := get(""); status != 404 || text != "" {
		t.Errorf("got %d %q", status, text)
	}
}
