// A picohttp handler in Go. To build it, in the folder above, beside a copy of wit:
//
//	$ wit-bindgen go wit --world plugin
//	$ GOFLAGS=-mod=mod GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w -checklinkname=0' -o core.wasm
//	$ wasm-tools component embed wit core.wasm --world plugin --output embedded.wasm
//	$ jco new embedded.wasm --wasi-reactor --output handler.wasm
package export_wit_world

import (
	"encoding/json"
	"runtime/debug"
	"wit_component/wit_world"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

type pairs = []wit.Tuple2[string, string]
type result = wit.Result[wit_world.Response, string]

// The collector must not run while the request is copied in: it would read the clock, which
// is not allowed then.
func init() { debug.SetGCPercent(-1) }

func Handle(request wit_world.Request, args []string) result {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	switch request.Path[0] {
	case "hello":
		return answer(200, []byte("Hello world!"))
	case "goodbye":
		return answer(200, []byte("Goodbye cruel world"))
	case "request":
		return describe(request, args)
	default:
		return answer(404, nil)
	}
}

func answer(status uint16, data []byte, headers ...wit.Tuple2[string, string]) result {
	response := wit_world.Response{Protocol: "HTTP/1.0", Status: status, Headers: headers, Data: wit.Some(data)}
	return wit.Ok[wit_world.Response, string](response)
}

// All of a request as JSON. Each byte of its data becomes one character.
func describe(request wit_world.Request, args []string) result {
	var data *string
	if request.Data.IsSome() {
		var text []rune
		for _, b := range request.Data.Some() {
			text = append(text, rune(b))
		}
		data = new(string(text))
	}
	text, err := json.Marshal(map[string]any{
		"method":  request.Method,
		"query":   lists(request.Query),
		"headers": lists(request.Headers),
		"data":    data,
		"args":    args,
	})
	if err != nil {
		return wit.Err[wit_world.Response](err.Error())
	}
	return answer(200, text, wit.Tuple2[string, string]{F0: "Content-Type", F1: "application/json"})
}

func lists(items pairs) [][]string {
	lists := make([][]string, 0, len(items))
	for _, item := range items {
		lists = append(lists, []string{item.F0, item.F1})
	}
	return lists
}
