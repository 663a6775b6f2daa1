// Does what its path says.
package export_wit_world

import (
	"runtime/debug"
	"wit_component/wit_world"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

var count uint16

var hoard [][]byte

func init() { debug.SetGCPercent(-1) }

func Handle(request wit_world.Request, args []string) wit.Result[wit_world.Response, string] {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	response := wit_world.Response{Protocol: request.Protocol, Status: 299, Data: wit.None[[]byte]()}
	switch request.Path[0] {
	case "mirror":
		response.Headers = request.Headers
		response.Data = request.Data
	case "count":
		count++
		response.Status += count
	case "error":
		return wit.Err[wit_world.Response]("an error: é")
	case "loop":
		for {
		}
	case "hoard":
		for {
			hoard = append(hoard, make([]byte, 1<<16))
		}
	default:
		panic("as asked")
	}
	return wit.Ok[wit_world.Response, string](response)
}
