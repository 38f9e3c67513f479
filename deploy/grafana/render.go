package grafana

import (
	"bytes"
	"encoding/json"
)

// schemaVersion is that of the JSON: Grafana 11 and later read it.
const schemaVersion = 39

// columns of a page, and how high things are.
const (
	columns    = 24
	statHeight = 4
	lineHeight = 8
)

type object = map[string]any

// JSON is what Grafana reads.
func (d Dashboard) JSON() ([]byte, error) {
	variables := []any{object{"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus",
		"current": object{"text": "Prometheus", "value": SourceUID}, "hide": 0, "refresh": 1}}
	for _, v := range d.Variables {
		variables = append(variables, v.object())
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(object{
		"uid": d.UID, "title": d.Title, "description": d.Description, "tags": []string{"flyball"}, "schemaVersion": schemaVersion,
		"version": 1, "editable": false, "timezone": "browser", "refresh": "10s", "graphTooltip": 1,
		"time": object{"from": "now-1h", "to": "now"}, "annotations": object{"list": []any{}}, "templating": object{"list": variables},
		"links":  []any{object{"type": "dashboards", "title": "Flyball", "tags": []string{"flyball"}, "asDropdown": true, "includeVars": true, "keepTime": true}},
		"panels": d.panels(),
	})
	return b.Bytes(), err
}

func (v Variable) object() object {
	o := object{"name": v.Name, "label": v.Label, "type": "query", "datasource": source(), "refresh": 2, "sort": 1,
		"query": object{"query": v.Query, "refId": v.Name}}
	if v.Several {
		o["multi"], o["includeAll"], o["allValue"] = true, true, ".*"
		o["current"] = object{"text": "All", "value": "$__all"}
	}
	return o
}

func source() object { return object{"type": "prometheus", "uid": "${source}"} }

// panels lays them out, left to right and top to bottom.
func (d Dashboard) panels() []any {
	var all []any
	id, y := 0, 0
	for _, row := range d.Rows {
		id++
		all = append(all, object{"id": id, "type": "row", "title": row.Title, "collapsed": false, "panels": []any{},
			"gridPos": object{"x": 0, "y": y, "w": columns, "h": 1}})
		y++
		x, height := 0, 0
		for _, p := range row.Panels {
			if x+p.Width > columns {
				x, y, height = 0, y+height, 0
			}
			id++
			all = append(all, p.object(id, x, y))
			x, height = x+p.Width, max(height, p.height())
		}
		y += height
	}
	return all
}

func (p Panel) height() int {
	if p.Kind == Stat {
		return statHeight
	}
	return lineHeight
}

func (p Panel) object(id, x, y int) object {
	kind, custom := string(p.Kind), object{}
	options := object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	switch p.Kind {
	case Lines:
		custom = object{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 5, "showPoints": "never", "spanNulls": false}
	case Bars:
		kind, custom = string(Lines), object{"drawStyle": "bars", "fillOpacity": 70, "lineWidth": 0, "stacking": object{"mode": "normal", "group": "A"}}
	case Stat:
		options = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}, "colorMode": "value", "graphMode": "area", "textMode": "auto"}
	case Table:
		options = object{"showHeader": true}
	}
	o := object{"id": id, "type": kind, "title": p.Title, "description": p.Description, "datasource": source(),
		"gridPos": object{"x": x, "y": y, "w": p.Width, "h": p.height()}, "options": options, "targets": p.targets(),
		"fieldConfig": object{"defaults": object{"unit": p.Unit, "custom": custom}, "overrides": []any{}}}
	if p.Kind == Table { // a row for each series, without the time
		o["transformations"] = []any{object{"id": "organize", "options": object{"excludeByName": object{"Time": true}}}}
	}
	return o
}

func (p Panel) targets() []any {
	var all []any
	for i, q := range p.Queries {
		o := object{"refId": string(rune('A' + i)), "expr": q.Expr, "legendFormat": q.Legend, "datasource": source()}
		if p.Kind == Table {
			o["instant"], o["format"] = true, "table"
		}
		all = append(all, o)
	}
	return all
}
