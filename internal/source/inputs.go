package source

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Inputs are the files that the project in a directory is made from, and the directories in which more may appear: sheaf.yaml, the
// contract, the bindings, the accounts, and the files of secrets and of authorities. It serves to see whether anything has changed, so
// what is wrong with a file does not matter; where sheaf.yaml cannot be read, only it is known.
func Inputs(dir string, options Options) (files, directories []string) {
	found := &inputs{loader: &loader{dir: dir, options: options}}
	found.file(filepath.Join(dir, ConfigName))
	if config, err := found.readYAML(ConfigName); err == nil && config != nil {
		found.config(config)
	}
	slices.Sort(found.directories)
	return found.files, slices.Compact(found.directories)
}

// inputs gathers paths.
type inputs struct {
	*loader

	files, directories []string
}

func (i *inputs) config(config *File) {
	i.fillEnvironment(config.Root)
	i.named(config.Root, written(config.Root))
	if at := config.Root.Get("bindings"); at != nil {
		i.bindingFiles(i.path(at.Text))
	}
	if at := config.Root.Get("contract"); at != nil {
		i.contractFiles(i.path(at.Text))
	}
	at := config.Root.Get("accounts", "file")
	if at == nil {
		return
	}
	if accounts, err := i.readYAML(filepath.ToSlash(at.Text)); err == nil && accounts != nil {
		i.fillEnvironment(accounts.Root)
		i.named(accounts.Root, nil)
	}
}

// written are the files that servers and commands write themselves, and read again without a reload.
func written(root *Node) []*Node {
	found := []*Node{root.Get("accounts", "renewed", "file")}
	if providers := root.Get("policy", "identity"); providers != nil {
		for _, provider := range providers.Fields {
			found = append(found, provider.Value.Get("api_key", "file"))
		}
	}
	return found
}

func (i *inputs) file(name string) {
	i.files = append(i.files, name)
	i.directories = append(i.directories, filepath.Dir(name))
}

// named finds the files whose content decides what a reload keeps: what stands under the key file, which is the file of accounts, too,
// and under ca; but not those that are written. The files of a certificate of ours, and of clients' authorities, are read again
// without a reload.
func (i *inputs) named(node *Node, written []*Node) {
	for _, field := range node.Fields {
		if (field.Key == "file" || field.Key == "ca") && !slices.Contains(written, field.Value) && field.Value.isScalar() && field.Value.Text != "" {
			i.file(i.path(field.Value.Text))
		}
		i.named(field.Value, written)
	}
}

func (i *inputs) bindingFiles(root string) {
	i.directories = append(i.directories, root)
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if isBinding(root, entry.Name()) {
			i.file(filepath.Join(root, entry.Name()))
		}
	}
}

func (i *inputs) contractFiles(root string) {
	if info, err := os.Stat(root); err == nil && !info.IsDir() {
		i.file(root)
		return
	}
	_ = fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error { // what cannot be read is no input
		full := filepath.Join(root, filepath.FromSlash(name))
		switch {
		case err != nil:
			return fs.SkipDir
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir():
			i.directories = append(i.directories, full)
		case path.Ext(name) == ".proto":
			i.file(full)
		}
		return nil
	})
}
