package redis

import (
	"errors"
	"fmt"

	"github.com/gomodule/redigo/redis"
)

// entry is one of a stream.
type entry struct {
	id    id
	whom  string // of what target; not there in the stream of a consumer
	event []byte // nil: it was deleted while somebody had not acknowledged it
}

// entriesOf reads [[id, [field, value, ...]], ...].
func entriesOf(reply any, err error) ([]entry, error) {
	all, err := redis.Values(reply, err)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(all))
	for _, one := range all {
		if one == nil {
			continue // deleted: Redis 6.2 lists it so
		}
		e, err := entryOf(redis.Values(one, nil))
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func entryOf(parts []any, err error) (entry, error) {
	if err != nil || len(parts) != 2 {
		return entry{}, fmt.Errorf("entry of a stream: %w", errors.Join(err, errShape))
	}
	text, err := redis.String(parts[0], nil)
	if err != nil {
		return entry{}, err
	}
	var e entry
	if e.id, err = parseID(text); err != nil || parts[1] == nil {
		return e, err
	}
	fields, err := redis.StringMap(parts[1], nil)
	if err != nil {
		return entry{}, err
	}
	e.whom, e.event = fields["whom"], []byte(fields["ce"])
	return e, nil
}

var errShape = errors.New("not an id and its fields")

// ofOneStream reads [[key, entries]], or nothing where none came in time.
func ofOneStream(reply any, err error) ([]entry, error) {
	streams, err := redis.Values(reply, err)
	if errors.Is(err, redis.ErrNil) {
		return nil, nil
	}
	if err != nil || len(streams) != 1 {
		return nil, errors.Join(err, fmt.Errorf("read of one stream: answers of %d", len(streams)))
	}
	parts, err := redis.Values(streams[0], nil)
	if err != nil || len(parts) != 2 {
		return nil, errors.Join(err, errShape)
	}
	return entriesOf(parts[1], nil)
}
