package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// ConfigName is the name of the file that makes a directory a project.
const ConfigName = "sheaf.yaml"

// Options say what surrounds a project.
type Options struct {
	// LookupEnv reads an environment variable; nil means that none is set.
	LookupEnv func(name string) (string, bool)
	// AllowUnsetEnv leaves ${env.NAME} in place where the variable is not set, as when files are checked on another
	// machine than the one that serves them.
	AllowUnsetEnv bool
}

// Load reads the project in a directory. What is wrong with the author's files is among the problems, and the project is
// then nil; the error is for everything else.
func Load(dir string, options Options) (*Project, diag.Problems, error) {
	loader := &loader{dir: dir, options: options}
	project, err := loader.project()
	if err != nil {
		return nil, nil, err
	}
	if len(loader.problems) > 0 {
		loader.problems.Sort()
		return nil, loader.problems, nil
	}
	return project, nil, nil
}

// loader reads one project, and gathers what is wrong with it.
type loader struct {
	dir      string
	options  Options
	problems diag.Problems
}

func (l *loader) project() (*Project, error) {
	file, err := l.readYAML(ConfigName)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		l.problems.Add(diag.Position{File: ConfigName}, 0, "create it, or name another directory", "no %s in %s", ConfigName, l.dir)
		return nil, nil
	}
	if err != nil || file == nil {
		return nil, err
	}
	project := &Project{Dir: l.dir, ConfigFile: file, Config: &configv1.Config{}}
	l.fillEnvironment(file.Root)
	l.decode(file.Root, project.Config)
	if len(l.problems) > 0 {
		return nil, nil
	}
	l.placeSecrets(project.Config)
	if project.Bindings, err = l.bindings(file.Root.Get("bindings")); err != nil {
		return nil, err
	}
	project.Contract, err = l.contract(file.Root.Get("contract"))
	return project, err
}

// bindings reads every *.yaml and *.yml directly in the directory that sheaf.yaml names; other files are left alone.
func (l *loader) bindings(at *Node) ([]Binding, error) {
	entries, err := os.ReadDir(l.path(at.Text))
	if err != nil {
		return nil, l.missing(at, "a directory of binding files", err)
	}
	var bindings []Binding
	for _, entry := range entries {
		extension := path.Ext(entry.Name())
		if entry.IsDir() || extension != ".yaml" && extension != ".yml" {
			continue
		}
		file, err := l.readYAML(path.Join(filepath.ToSlash(at.Text), entry.Name()))
		if err != nil {
			return nil, err
		}
		if file == nil {
			continue
		}
		binding := Binding{File: file, Message: &configv1.Binding{}}
		l.decode(file.Root, binding.Message)
		bindings = append(bindings, binding)
	}
	if len(bindings) == 0 && len(l.problems) == 0 {
		l.problems.Add(at.Position, len(at.Text), "write one file for each service, such as "+path.Join(at.Text, "shop.yaml"),
			"no binding files (*.yaml) in %s", at.Text)
	}
	return bindings, nil
}

// missing reports a path that is not there, or returns the error that kept it from being read.
func (l *loader) missing(at *Node, what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		l.problems.Add(at.Position, len(at.Text), "name "+what+", relative to "+ConfigName, "no such path: %s", at.Text)
		return nil
	}
	return fmt.Errorf("read %s: %w", at.Text, err)
}

// path is a path of the author's, which is relative to sheaf.yaml, for the operating system.
func (l *loader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.dir, filepath.FromSlash(name))
}

// placeSecrets makes the paths of secrets relative to the working directory.
func (l *loader) placeSecrets(config *configv1.Config) {
	for _, upstream := range config.GetUpstreams() {
		switch kind := upstream.GetCredentials().GetKind().(type) {
		case *configv1.Credentials_Bearer:
			if source, ok := kind.Bearer.GetSource().(*configv1.Secret_File); ok {
				source.File = l.path(source.File)
			}
		case *configv1.Credentials_Header:
			if source, ok := kind.Header.GetSource().(*configv1.HeaderCredential_File); ok {
				source.File = l.path(source.File)
			}
		}
	}
}
