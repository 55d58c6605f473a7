package bff

import (
	"context"
	"errors"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// accounts are those of the project. Worlds share them while they, and where their renewed secrets are kept, are the same.
type accounts struct {
	shared
	*store.Accounts

	renewed *plan.Renewed
	secrets secrets
	redis   *redis // where renewed secrets are kept; nil for elsewhere
}

// openAccounts reads the secrets of all accounts, and what was renewed of them. Accounts that are the same as in an older world go on
// with what has been renewed there.
func (w *world) openAccounts(older *world) error {
	opened := &accounts{renewed: w.plan.Renewed}
	key, err := w.renewedKey(opened)
	if err != nil {
		return err
	}
	if opened.Accounts, err = w.readAccounts(); err != nil {
		return err
	}
	opened.close = opened.Close
	if older != nil && opened.Continue(older.accounts.Accounts) && opened.keepsAs(older.accounts) {
		opened.Close()
		opened = older.accounts
	}
	w.accounts = opened
	opened.use()
	if opened.isShared() {
		return nil
	}
	return w.keepRenewed(key)
}

// keepsAs reports whether renewed secrets are kept in the same place as the others'.
func (a *accounts) keepsAs(other *accounts) bool {
	return a.renewed.Same(other.renewed) && other.secrets.hold(a.secrets) && a.redis == other.redis
}

// readAccounts reads the secrets of all accounts.
func (w *world) readAccounts() (*store.Accounts, error) {
	var problems diag.Problems
	read := map[string]store.Account{}
	for id, account := range w.plan.Accounts {
		secrets := map[string]*secret.Source{}
		for name, from := range account.Secrets {
			source, err := w.reader().open(from)
			if err != nil {
				problems.Add(from.At, 0, putThere, "%v", err)
			}
			secrets[name] = source
		}
		read[id] = store.Account{Attributes: account.Attributes, Secrets: secrets}
	}
	problems.Sort()
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return store.NewAccounts(read), nil
}

// renewedKey reads the key that renewed secrets are sealed with.
func (w *world) renewedKey(of *accounts) (secret.Value, error) {
	from := of.renewed
	if from == nil {
		return secret.Value{}, nil
	}
	if from.File == "" {
		of.redis = w.redis
	}
	reading := w.reader()
	key, err := reading.read(from.Key)
	of.secrets = reading.found
	if err != nil {
		return key, problemAt(from.Key.At, putThere, err)
	}
	return key, nil
}

// keepRenewed keeps what accounts renew where the project says.
func (w *world) keepRenewed(key secret.Value) error {
	from := w.plan.Renewed
	if from == nil {
		return nil
	}
	records, err := w.records(from)
	if err != nil {
		return problemAt(from.At, "make its directory one that can be written to", err)
	}
	err = w.accounts.Keep(context.Background(), store.KeepConfig{Records: records, Key: key, Logger: w.server.settings.logger})
	switch {
	case errors.Is(err, store.ErrKey):
		return problemAt(from.Key.At, "give the key that was used before; without it, put new secrets into the file of accounts, and remove what is kept", err)
	case err != nil:
		return problemAt(from.At, "make it readable, and whole, again; or put new secrets into the file of accounts, and remove what is kept", err)
	default:
		return nil
	}
}

func (w *world) records(from *plan.Renewed) (store.Records, error) {
	if from.File == "" {
		return w.redis.Records(), nil
	}
	return store.FileRecords(from.File)
}
