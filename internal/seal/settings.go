package seal

import (
	"errors"
	"fmt"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// SettingsPlace is where the committed settings of a physical index stand, TaskPlace where those of a task do.
func SettingsPlace(physical string) string { return "settings/" + physical }

// TaskPlace is the place of the settings in the record of a task.
func TaskPlace(uid uint32) string { return fmt.Sprintf("tasks/%d", uid) }

// Settings writes settings, or a change of some, with all secrets in them sealed for the place. Seals that are in it
// already are taken for secrets like any other. Masks, which hide secrets that nobody here knows, stay.
func (b *Box) Settings(place string, settings []byte) []byte {
	return meili.MapSecrets(settings, func(path string, value []byte) []byte {
		if meili.IsMasked(value) {
			return value
		}
		return rawjson.AppendQuoted(nil, b.Seal(within(place, path), value))
	})
}

// OpenSettings is the reverse of Settings. Secrets that can not be opened are left out, and the error is ErrNotOpened then:
// the rest is good. Texts that are no seals, as in records of older versions, stay.
func (b *Box) OpenSettings(place string, settings []byte) ([]byte, error) {
	var errs []error
	opened := meili.MapSecrets(settings, func(path string, value []byte) []byte {
		text, ok := rawjson.Unquote(value)
		if !ok || !Sealed(text) {
			return value
		}
		secret, err := b.Open(within(place, path), text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s of %s: %w", path, place, err))
			return nil
		}
		return secret
	})
	return opened, errors.Join(errs...)
}

// Move seals opened or sealed settings of one place for another, with the key that seals now.
func (b *Box) Move(from, to string, settings []byte) ([]byte, error) {
	opened, err := b.OpenSettings(from, settings)
	if err != nil {
		return nil, err
	}
	return b.Settings(to, opened), nil
}

// Outdated says whether settings hold a secret that is in clear, or sealed with a key that seals no more.
func (b *Box) Outdated(settings []byte) bool {
	found := false
	meili.MapSecrets(settings, func(_ string, value []byte) []byte {
		text, ok := rawjson.Unquote(value)
		found = found || !meili.IsMasked(value) && (!ok || !b.Current(text))
		return value
	})
	return found
}

func within(place, path string) string { return place + "#" + path }
