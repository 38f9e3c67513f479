package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
)

// restingCluster has one HPA, which a controller takes over again after a while.
type restingCluster struct {
	held  []kubernetes.TakenOver
	may   map[kubernetes.RivalKind]string // who asks may list a kind in one namespace alone, or "-": nowhere
	again time.Duration                   // 0: no controller runs
	back  time.Time
	asked int
}

func (c *restingCluster) Resume(context.Context, kubernetes.Rival) error {
	c.back = time.Now()
	c.asked++
	return nil
}

func (c *restingCluster) AllTakenOver(_ context.Context, kind kubernetes.RivalKind, namespace string) ([]kubernetes.TakenOver, error) {
	if may := c.may[kind]; may != "" && may != namespace {
		return nil, fmt.Errorf("the right to list %s in %q: %w", kind, namespace, kubernetes.ErrForbidden)
	}
	if !c.back.IsZero() && (c.again == 0 || time.Since(c.back) < c.again) {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(c.held), func(t kubernetes.TakenOver) bool {
		return t.Kind != kind || namespace != "" && t.Namespace != namespace
	}), nil
}

func heldHPA(namespace, name string) kubernetes.TakenOver {
	return kubernetes.TakenOver{
		Rival: kubernetes.Rival{Kind: kubernetes.HPA, Namespace: namespace, Name: name, Resting: true, SuspendedBy: "web"},
		Of:    kubernetes.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: name}, Min: 2, Max: 10,
	}
}

func TestWhatIsHandedBackIsLookedAfter(t *testing.T) {
	damaged := heldHPA("shop", "web")
	damaged.Damaged = true
	for name, tc := range map[string]struct {
		cluster    restingCluster
		out, fault string
	}{
		"nobody runs":      {restingCluster{held: []kubernetes.TakenOver{heldHPA("shop", "web")}}, "hpa/web in namespace shop: handed back; it scales Deployment/web from 2 to 10\n", ""},
		"a controller":     {restingCluster{held: []kubernetes.TakenOver{heldHPA("shop", "web")}, again: 4 * time.Second}, "handed back", "hpa/web in namespace shop: a controller that runs took it over again, for the document web"},
		"nobody knows how": {restingCluster{held: []kubernetes.TakenOver{damaged}}, "", "its annotation flyball.io/taken-over cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				err := resume(t.Context(), &out, &tc.cluster, []resting{restingOf(tc.cluster.held[0])})
				if !strings.Contains(out.String(), tc.out) || (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
					t.Errorf("got %q, %v; want %q, %q", out.String(), err, tc.out, tc.fault)
				}
				if want := map[bool]int{true: 0, false: 1}[tc.cluster.held[0].Damaged]; tc.cluster.asked != want {
					t.Errorf("handed back %d times, want %d", tc.cluster.asked, want)
				}
			})
		})
	}
}

// Whoever may not see the objects of KEDA sees and hands back the rest, and is told
// what may rest unseen.
func TestWhatMayNotBeSeenIsSaid(t *testing.T) {
	scaled := heldHPA("shop", "mail")
	scaled.Kind = kubernetes.ScaledObject
	held := []kubernetes.TakenOver{heldHPA("shop", "web"), scaled, heldHPA("bank", "web")}
	hpas, objects := kubernetes.HPA, kubernetes.ScaledObject
	for name, tc := range map[string]struct {
		may         map[kubernetes.RivalKind]string
		namespace   string
		want        string
		unseen      string
		nothingSeen bool
	}{
		"all may be seen":              {nil, "", "hpa/web in namespace bank, hpa/web in namespace shop, scaledobject/mail in namespace shop", "", false},
		"none of KEDA":                 {map[kubernetes.RivalKind]string{objects: "-"}, "", "hpa/web in namespace bank, hpa/web in namespace shop", `list ScaledObject in "shop"`, false},
		"none of KEDA in a namespace":  {map[kubernetes.RivalKind]string{objects: "-"}, "bank", "hpa/web in namespace bank", `list ScaledObject in "bank"`, false},
		"those of KEDA in one's own":   {map[kubernetes.RivalKind]string{objects: "shop"}, "", "hpa/web in namespace bank, hpa/web in namespace shop, scaledobject/mail in namespace shop", "", false},
		"one's own namespace alone":    {map[kubernetes.RivalKind]string{hpas: "shop", objects: "shop"}, "", "hpa/web in namespace shop, scaledobject/mail in namespace shop", "", false},
		"nothing":                      {map[kubernetes.RivalKind]string{hpas: "-", objects: "-"}, "", "", "", true},
		"those of Kubernetes are hid.": {map[kubernetes.RivalKind]string{hpas: "-"}, "", "scaledobject/mail in namespace shop", `list HorizontalPodAutoscaler in "shop"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster := &restingCluster{held: held, may: tc.may}
				seen, err := (&takenOverFlags{namespace: tc.namespace}).found(t.Context(), cluster, "shop")
				if errors.Is(err, kubernetes.ErrForbidden) != tc.nothingSeen || (err != nil) != tc.nothingSeen {
					t.Fatalf("got %v", err)
				}
				var places []string
				for _, r := range seen.all {
					places = append(places, r.place())
				}
				if got := strings.Join(places, ", "); got != tc.want {
					t.Errorf("seen: %s, want %s", got, tc.want)
				}
				err = seen.resume(t.Context(), io.Discard, cluster)
				if cluster.asked != len(seen.all) || (err == nil) != (tc.unseen == "") || err != nil && !strings.Contains(err.Error(), tc.unseen) {
					t.Errorf("handed back %d of %d, %v; want to be told of %q", cluster.asked, len(seen.all), err, tc.unseen)
				}
				if _, err := seen.choose("so/other"); err == nil || !strings.Contains(err.Error(), tc.unseen) {
					t.Errorf("one that is not seen: %v, want to be told of %q", err, tc.unseen)
				}
			})
		})
	}
}

func TestWhichIsHandedBack(t *testing.T) {
	all := []resting{restingOf(heldHPA("bank", "web")), restingOf(heldHPA("shop", "web")), restingOf(heldHPA("shop", "api"))}
	scaled := heldHPA("shop", "mail")
	scaled.Kind, scaled.Min, scaled.Max = kubernetes.ScaledObject, 0, 0
	all = append(all, restingOf(scaled))
	for name, want := range map[string]string{
		"":                            "hpa/web in namespace bank, hpa/web in namespace shop, hpa/api in namespace shop, scaledobject/mail in namespace shop",
		"hpa/api":                     "hpa/api in namespace shop",
		"HorizontalPodAutoscaler/api": "hpa/api in namespace shop",
		"so/mail":                     "scaledobject/mail in namespace shop",
		"hpa/web":                     "hpa/web is taken over in several namespaces: name one by --namespace: bank, shop",
		"hpa/mail":                    "hpa/mail is not taken over; what is: hpa/web in namespace bank",
		"deployment/web":              `must be hpa/NAME or scaledobject/NAME, got "deployment/web"`,
	} {
		chosen, err := (&sight{all: all}).choose(name)
		var places []string
		for _, r := range chosen {
			places = append(places, r.place())
		}
		if got := strings.Join(places, ", "); got != want && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
		}
	}
	if does := restingOf(scaled).does(); does != "scales Deployment/mail" {
		t.Errorf("got %q", does)
	}
}
