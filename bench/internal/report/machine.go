package report

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Machine is where something was measured, when, and with what.
type Machine struct {
	Date   string `json:"date"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	// Processes is GOMAXPROCS; Collector what the environment says to the garbage collector. Subjects have both from here.
	Processes int      `json:"gomaxprocs"`
	Collector string   `json:"collector"`
	Libraries []string `json:"libraries"`
	// Load is the load average of the last minute at the start, which is that of others.
	Load string `json:"load"`
}

// compared are the modules whose versions a reader wants to know.
var compared = []string{
	"connectrpc.com/connect", "github.com/sony/gobreaker/v2", "github.com/goccy/go-json", "github.com/luraproject/lura/v2",
	"github.com/gin-gonic/gin", "github.com/valyala/fasthttp", "google.golang.org/protobuf",
}

// ThisMachine is the one that this program runs on.
func ThisMachine() Machine {
	m := Machine{
		Date: time.Now().UTC().Format(time.DateOnly), CPU: cpuModel(), Kernel: firstLine("/proc/sys/kernel/osrelease"),
		Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Processes: runtime.GOMAXPROCS(0),
		Collector: fmt.Sprintf("GOGC=%s, GOMEMLIMIT=%s", cmp.Or(os.Getenv("GOGC"), "default"), cmp.Or(os.Getenv("GOMEMLIMIT"), "default")),
	}
	m.Load, _, _ = strings.Cut(firstLine("/proc/loadavg"), " ")
	if built, ok := debug.ReadBuildInfo(); ok {
		for _, module := range built.Deps {
			if slices.Contains(compared, module.Path) {
				m.Libraries = append(m.Libraries, module.Path+" "+module.Version)
			}
		}
	}
	return m
}

func cpuModel() string {
	information, _ := os.ReadFile("/proc/cpuinfo") // without it nothing is known
	_, rest, _ := strings.Cut(string(information), "model name\t: ")
	model, _, _ := strings.Cut(rest, "\n")
	return cmp.Or(model, "unknown")
}

func firstLine(path string) string {
	text, _ := os.ReadFile(path) // likewise
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return cmp.Or(string(line), "unknown")
}

func (m *Machine) markdown() string {
	return fmt.Sprintf("%s; %s, %d cores, GOMAXPROCS %d; Linux %s; %s; %s, the same for all; load average at the start %s.\n\nLibraries: %s.\n",
		m.Date, m.CPU, m.Cores, m.Processes, m.Kernel, m.Go, m.Collector, m.Load, strings.Join(m.Libraries, ", "))
}
