package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
)

// Way is how a scenario is played. Whatever the way, the decisions are the
// same.
type Way string

// The ways.
const (
	Plainly Way = "plainly"
	// Restarting replaces the deciders before every decision by new ones that
	// restore what the old ones remember.
	Restarting Way = "restarting"
	// AsShadow runs the policy a second time as a shadow of itself.
	AsShadow Way = "as a shadow"
)

// Ways lists all of them.
func Ways() []Way { return []Way{Plainly, Restarting, AsShadow} }

// player plays one scenario.
type player struct {
	spec  app.Spec
	plan  control.Plan
	world *world
	way   Way
	at    time.Time // of 0s
}

// Play returns what is decided on each line, in words.
func (s *Scenario) Play(way Way) ([]string, error) {
	_, said, err := s.play(way, len(s.Lines))
	return said, err
}

// play plays some lines and returns the player as it stands after them.
func (s *Scenario) play(way Way, lines int) (*player, []string, error) {
	spec, err := s.spec(way)
	if err != nil {
		return nil, nil, err
	}
	plan, err := spec.Plan()
	if err != nil {
		return nil, nil, err
	}
	p := &player{spec: spec, plan: plan, way: way, at: s.Start, world: &world{startup: s.Startup, now: s.Start}}
	var said []string
	for _, l := range s.Lines[:lines] {
		words, err := p.line(l)
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", l.number+1, err)
		}
		said = append(said, words)
	}
	return p, said, nil
}

// Resume plays some lines, then has the controller off for a while in which
// the world goes on. It returns the first decision of one that restores what
// the old one remembers, and that of one without any memory.
func (s *Scenario) Resume(lines int, off time.Duration) (restored, fresh scale.Decision, err error) {
	p, _, err := s.play(Plainly, lines)
	if err != nil {
		return restored, fresh, err
	}
	if err := p.restart(); err != nil {
		return restored, fresh, err
	}
	without, err := p.spec.Plan()
	if err != nil {
		return restored, fresh, err
	}
	p.world.advance(p.world.now.Add(off))
	obs := p.world.observe()
	return p.plan.Decider.Decide(obs).Clone(), without.Decider.Decide(obs).Clone(), nil
}

// spec decodes the document as flyball run would.
func (s *Scenario) spec(way Way) (app.Spec, error) {
	plugins := builtin.New()
	if s.doc == nil {
		docs, err := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false },
			Stdin: strings.NewReader(s.document())}.Load([]string{"-"})
		if err != nil {
			return app.Spec{}, err
		}
		s.doc = &docs[0]
	}
	doc := *s.doc
	if way == AsShadow {
		doc.Spec.Shadows = []v1alpha1.Plugin{*doc.Spec.Policy}
	}
	specs, err := app.NewSpecs([]v1alpha1.Document{doc}, plugins)
	if err != nil {
		return app.Spec{}, err
	}
	if way == AsShadow { // an envelope is for the active policy alone
		specs[0].Shadows[0].Envelope = specs[0].Policy.Envelope
	}
	return specs[0], nil
}

// document is the whole of it, made of the spec.
func (s *Scenario) document() string {
	text := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: web}\nspec:\n"
	if !strings.Contains("\n"+s.Spec, "\ntarget:") {
		text += "  target: {process: {command: [web]}}\n"
	}
	for line := range strings.Lines(s.Spec) {
		text += "  " + line
	}
	return text
}

// Guards names the rules that a decision of the scenario walks, in order.
func (s *Scenario) Guards() ([]string, error) {
	spec, err := s.spec(Plainly)
	if err != nil {
		return nil, err
	}
	plan, err := spec.Plan()
	if err != nil {
		return nil, err
	}
	// Every rule is asked only where the policy has an opinion.
	w := &world{now: s.Start}
	for _, l := range s.Lines[:1] {
		for _, word := range l.Words {
			if err := w.tell(word, 0); err != nil {
				return nil, err
			}
		}
	}
	var names []string
	for _, step := range plan.Decider.Decide(w.observe()).Steps {
		names = append(names, step.Guard)
	}
	return names, nil
}

// line plays one line and puts its decisions into words.
func (p *player) line(l Line) (string, error) {
	every := l.Every
	if every == 0 {
		every = p.spec.Sync.Std()
	}
	var made []made
	for at := l.From; at <= l.To; at += every {
		p.world.advance(p.at.Add(at))
		if at == l.From {
			if err := p.tell(l); err != nil {
				return "", err
			}
		}
		d, err := p.decide(slices.Contains(l.Words, Word{Name: "fail"}))
		if err != nil {
			return "", fmt.Errorf("at %v: %w", scale.Duration(at), err)
		}
		made = append(made, d)
	}
	return describe(made, strings.Contains(l.Want, `"`)), nil
}

// tell lets the words of a line happen.
func (p *player) tell(l Line) error {
	for _, w := range l.Words {
		switch w.Name {
		case "fail":
		case "advice":
			if err := p.advise(w.Value); err != nil {
				return err
			}
		case "apply":
			p.plan.Mode = scale.Apply
		case "recommend":
			p.plan.Mode = scale.Recommend
		case "pause":
			p.plan.Mode, p.plan.PausedUntil = scale.Paused, nil
			if w.Value != "" {
				until, err := scale.ParseDuration(w.Value)
				if err != nil {
					return err
				}
				end := p.at.Add(until.Std())
				p.plan.PausedUntil = &end
			}
		default:
			if err := p.world.tell(w, l.To-l.From); err != nil {
				return err
			}
		}
	}
	return nil
}

// advise has everybody whom the policy wants to be asked answer.
func (p *player) advise(text string) error {
	needs, err := builtin.NeedsOf(p.spec.Policy.Config)
	if err != nil {
		return err
	}
	p.world.advice = nil
	for _, need := range needs {
		a := scale.Advice{From: need.From, At: p.world.now, SeenAt: p.world.now, Expires: p.world.now.Add(time.Hour)}
		if a.Failed = text == "failed"; a.Failed {
			a.Reason = "as told"
		} else {
			n, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("advice=%s: must be a count or failed", text)
			}
			a.Replicas, a.Confidence = &n, 1
		}
		p.world.advice = append(p.world.advice, a)
	}
	return nil
}

// decide does what the planner and the executor do.
func (p *player) decide(fail bool) (made, error) {
	if p.way == Restarting {
		if err := p.restart(); err != nil {
			return made{}, err
		}
	}
	obs := p.world.observe()
	d := p.plan.Decider.Decide(obs).Clone()
	for _, shadow := range p.plan.Shadows {
		if wish := shadow.Decide(obs); wish.DesiredReplicas != d.DesiredReplicas || wish.SetBy != d.SetBy {
			return made{}, fmt.Errorf("its shadow wishes %d set by %s (%s), not %d set by %s", wish.DesiredReplicas, wish.SetBy, wish.Reason, d.DesiredReplicas, d.SetBy)
		}
	}
	applied := p.plan.ModeAt(obs.At) == scale.Apply && !fail
	if applied && d.Changes() {
		p.world.set(d.DesiredReplicas)
		p.plan.Decider.Applied(d.At, d.CurrentReplicas, d.DesiredReplicas)
		for _, shadow := range p.plan.Shadows {
			shadow.Applied(d.At, d.CurrentReplicas, d.DesiredReplicas)
		}
	}
	return made{d, applied || !d.Changes()}, nil
}

// restart puts new deciders in the place of the old.
func (p *player) restart() error {
	memory, err := p.plan.Snapshot()
	if err != nil {
		return err
	}
	next, err := p.spec.Plan()
	if err != nil {
		return err
	}
	next.Mode, next.PausedUntil = p.plan.Mode, p.plan.PausedUntil
	if afresh := next.Recall(memory); len(afresh) > 0 {
		return fmt.Errorf("started afresh: %s", strings.Join(afresh, ", "))
	}
	p.plan = next
	return nil
}

// made is a decision and whether it was carried out, if there was anything to
// carry out.
type made struct {
	scale.Decision
	applied bool
}

// describe puts decisions into words, equal ones together.
func describe(all []made, reason bool) string {
	var b strings.Builder
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n].tail() == all[i].tail() && all[i+n].DesiredReplicas == all[i].DesiredReplicas {
			n++
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, all[i].DesiredReplicas)
		if n > 1 {
			fmt.Fprintf(&b, "x%d", n)
		}
		b.WriteString(all[i].tail())
		i += n
	}
	if reason {
		fmt.Fprintf(&b, " %q", all[len(all)-1].Reason.String())
	}
	return b.String()
}

// tail is what stands behind the count.
func (m *made) tail() string {
	text := fmt.Sprintf(" (%s: %s)", m.SetBy, m.Reason.Code)
	if !m.applied {
		text = " not applied" + text
	}
	for _, c := range m.Conditions {
		text += " !" + c.Reason.Code
	}
	return text
}
