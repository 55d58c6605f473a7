package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"google.golang.org/protobuf/reflect/protoreflect"

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
	// machine than the one that serves them. What is not known there is not judged. The paths of the contract and of the
	// bindings have to be known.
	AllowUnsetEnv bool
}

// Load reads the project in a directory. What is wrong with the author's files is among the problems, those of all files
// at once, and the project is then nil; the error is for everything else.
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
	if isMissing(err) {
		l.problems.Add(diag.Position{File: ConfigName}, 0, "create it, or name another directory", "no %s in %s", ConfigName, l.dir)
		return nil, nil
	}
	if err != nil || file == nil {
		return nil, err
	}
	project := &Project{Dir: l.dir, ConfigFile: file, Config: &configv1.Config{}}
	l.fillEnvironment(file.Root)
	if err := l.decode(file.Root, project.Config); err != nil {
		return nil, err
	}
	l.placeFiles(project.Config.ProtoReflect())
	if at := l.pathSetting(file, "bindings"); at != nil {
		if project.Bindings, err = l.bindings(at); err != nil {
			return nil, err
		}
	}
	if at := l.pathSetting(file, "contract"); at != nil {
		if project.Contract, err = l.contract(at); err != nil {
			return nil, err
		}
	}
	if at := file.Root.Get("accounts", "file"); at != nil && at.isScalar() && at.Text != "" && !at.open {
		project.Accounts, err = l.accounts(at)
	}
	return project, err
}

// pathSetting is a setting of sheaf.yaml that is a path, or nil if that is not known; then there is a problem.
func (l *loader) pathSetting(file *File, key string) *Node {
	at := file.Root.Get(key)
	switch {
	case at == nil || !at.isScalar() || at.Text == "":
		return nil
	case at.open && l.options.AllowUnsetEnv:
		l.problems.Add(at.Position, at.width(), "set it, so that the files can be read", "%s: an environment variable is not set", key)
		return nil
	case at.open:
		return nil
	default:
		return at
	}
}

// bindings reads every *.yaml and *.yml directly in the directory that sheaf.yaml names, in the order of their names.
// Hidden files, directories and files of other kinds are left alone.
func (l *loader) bindings(at *Node) ([]Binding, error) {
	directory := l.path(at.Text)
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, l.missing(at, "a directory of binding files", err)
	}
	found := false
	var bindings []Binding
	for _, entry := range entries {
		if !isBinding(directory, entry.Name()) {
			continue
		}
		found = true
		binding, err := l.binding(path.Join(filepath.ToSlash(at.Text), entry.Name()))
		if err != nil {
			return nil, err
		}
		bindings = append(bindings, binding)
	}
	if !found {
		l.problems.Add(at.Position, at.width(), "write one file for each service, such as "+path.Join(at.Text, "shop.yaml"),
			"no binding files (*.yaml) in %s", at.Text)
	}
	return bindings, nil
}

func isBinding(directory, name string) bool {
	extension := path.Ext(name)
	if extension != ".yaml" && extension != ".yml" || strings.HasPrefix(name, ".") {
		return false
	}
	info, err := os.Stat(filepath.Join(directory, name))
	return err == nil && info.Mode().IsRegular()
}

// binding reads a binding file. If that cannot be done, there is a problem.
func (l *loader) binding(name string) (Binding, error) {
	file, err := l.readYAML(name)
	if err != nil || file == nil {
		return Binding{}, err
	}
	binding := Binding{File: file, Message: &configv1.Binding{}}
	return binding, l.decode(file.Root, binding.Message)
}

// isMissing reports whether a path leads to nothing, or through a file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// missing reports a path that does not lead where it should, or returns the error that kept it from being read.
func (l *loader) missing(at *Node, what string, err error) error {
	if !isMissing(err) {
		return fmt.Errorf("read %s: %w", at.Text, err)
	}
	hint := "name " + what + ", relative to " + ConfigName
	if _, err := os.Stat(l.path(at.Text)); err == nil {
		l.problems.Add(at.Position, at.width(), hint, "path leads to a file: %s", at.Text)
		return nil
	}
	l.problems.Add(at.Position, at.width(), hint, "no such path: %s", at.Text)
	return nil
}

// path is a path of the author's, which is relative to sheaf.yaml, for the operating system.
func (l *loader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.dir, filepath.FromSlash(name))
}

// accounts reads the file of accounts. Where files are only checked, it may be on another machine.
func (l *loader) accounts(at *Node) (*AccountFile, error) {
	file, err := l.readYAML(filepath.ToSlash(at.Text))
	if isMissing(err) && l.options.AllowUnsetEnv {
		return nil, nil
	}
	if err != nil {
		return nil, l.missing(at, "a file of accounts", err)
	}
	if file == nil {
		return nil, nil
	}
	accounts := &AccountFile{File: file, Message: &configv1.AccountFile{}}
	l.fillEnvironment(file.Root)
	if err := l.decode(file.Root, accounts.Message); err != nil {
		return nil, err
	}
	l.placeFiles(accounts.Message.ProtoReflect())
	return accounts, nil
}

// placeFiles makes the paths of secrets and certificates below a message relative to the working directory: every member named file
// of a oneof, and the files of tls.
func (l *loader) placeFiles(message protoreflect.Message) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Name() == "file" && field.ContainingOneof() != nil, isTLSFile(field):
			message.Set(field, protoreflect.ValueOfString(l.path(value.String())))
		case field.IsMap() && field.MapValue().Message() != nil:
			value.Map().Range(func(_ protoreflect.MapKey, entry protoreflect.Value) bool {
				l.placeFiles(entry.Message())
				return true
			})
		case field.Message() != nil && !field.IsList() && !field.IsMap():
			l.placeFiles(value.Message())
		}
		return true
	})
}

// isTLSFile reports whether a field is a file of certificates, or of a key.
func isTLSFile(field protoreflect.FieldDescriptor) bool {
	switch field.ContainingMessage().Name() {
	case "Tls":
		return field.Name() == "ca" || field.Name() == "certificate" || field.Name() == "key"
	case "ServerTls":
		return field.Name() == "certificate" || field.Name() == "key" || field.Name() == "client_ca"
	default:
		return false
	}
}
