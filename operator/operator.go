// Package operator runs Flyball in a cluster: its Autoscaler objects are the
// documents of one controller, the very one of flyball run. What the cluster
// wants beside that is here: which objects are documents, one instance at a
// time that acts, what they tell in status and events, what is refused at the
// door, and what the next instance must know.
//
// Who wants to understand it reads, in this order: document.go (an object
// becomes a spec), rules.go (what it may ask for), desk.go and verdict.go (which
// run), board.go, status.go and conditions.go (what is told), writer.go and
// events.go (how), memory.go and keeper.go (what outlives an instance), lead.go
// (all of it together).
package operator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/operator/crd"
)

// Options say how an operator runs.
type Options struct {
	// App is what the controller is given; its documents come from the cluster.
	App     app.Options
	Plugins *builtin.Registry
	Rules   Rules
	// Cluster says how the API server is reached.
	Cluster *rest.Config
	// Namespace is the operator's own: its Lease and certificates are there.
	Namespace string
	// Namespaces are those whose Autoscalers are looked at; none: all.
	Namespaces []string
	// Health is the address of /healthz and /readyz; "0": nothing is served.
	Health string
	// Elect has several instances agree on one that acts.
	Elect    bool
	Election Election
	// Admission refuses wrong documents when they are written; nil: they are told
	// of in their status alone.
	Admission Admission
	// Dashboard is where API, dashboard and metrics are served; nil: nowhere. An
	// instance that waits hands requests on to the one that acts.
	Dashboard net.Listener
	// Relay is where KEDA asks whichever instance; nil: nowhere.
	Relay *Relay
	// Certificate is the one that Dashboard is served with at present; nil: it is
	// served without TLS. Instances know each other by it.
	Certificate func() (*tls.Certificate, error)
}

// Election is how soon another instance takes over. The zero value is that of
// every controller of Kubernetes: 15 s after the last sign of life.
type Election struct{ Lease, Renew, Retry time.Duration }

// Admission is who judges documents before the cluster takes them.
type Admission interface {
	// Serve answers the API server until ctx is done. judge returns what is wrong
	// with an object.
	Serve(ctx context.Context, c *rest.Config, judge func(object []byte) error) error
	// Ready reports whether it can answer.
	Ready(*http.Request) error
}

// leaseName is that of the Lease of the instance that acts.
const leaseName = "flyball"

// Run runs an operator until ctx is done or it is not the one that acts any
// more, and returns when all of its work has ended.
func Run(ctx context.Context, o Options) error {
	handler := o.App.Log.Handler()
	ctrllog.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler))
	who := identity(o.Dashboard)
	mgr, err := o.manager(who)
	if err != nil {
		return err
	}
	receives, err := o.receives(mgr, who)
	if err != nil {
		return err
	}
	objects, err := o.informer(ctx, mgr)
	if err != nil {
		return o.explain(err)
	}
	decoder, err := newDecoder(o.Plugins, o.Rules, o.App.Clock)
	if err != nil {
		return err
	}
	l := &lead{opts: o, manager: mgr, objects: objects, decoder: decoder, receives: receives}
	if err := mgr.Add(l); err != nil {
		return err
	}
	if o.Admission != nil {
		if err := mgr.Add(door{o, decoder}); err != nil {
			return err
		}
		if err := mgr.AddReadyzCheck("admission", o.Admission.Ready); err != nil {
			return err
		}
	}
	return errors.Join(o.explain(mgr.Start(ctx)), l.err)
}

// definedWithin is how long the definition of the kind is waited for.
const definedWithin = 30 * time.Second

// informer tells of Autoscalers. Definition and operator are applied together,
// and the API server takes a moment to know a new kind: that is waited for.
func (o *Options) informer(ctx context.Context, mgr manager.Manager) (cache.Informer, error) {
	began, waiting := o.App.Clock.Now(), false
	for {
		objects, err := mgr.GetCache().GetInformer(ctx, autoscaler(), cache.BlockUntilSynced(false))
		if !meta.IsNoMatchError(err) || since(o.App.Clock.Now(), began) > definedWithin {
			return objects, err
		}
		if !waiting {
			waiting = true
			o.App.Log.Info("waits for the definition of its kind, which this cluster does not know yet", slog.String("kind", v1alpha1.Kind), slog.Duration("at_most", definedWithin))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-o.App.Clock.After(time.Second):
		}
	}
}

// receives opens the doors of all instances: to dashboard and metrics, which is
// nil where there is none, and to what KEDA is told.
func (o *Options) receives(mgr manager.Manager, who string) (*reception, error) {
	holder, err := o.holder()
	if err != nil {
		return nil, err
	}
	if o.Relay != nil {
		o.Relay.lease, o.Relay.own = holder, who
		if err := mgr.Add(o.Relay); err != nil {
			return nil, err
		}
	}
	if o.Dashboard == nil {
		return nil, nil
	}
	r := newReception(o.Dashboard, o.Certificate, holder, o.App.Log)
	return r, mgr.Add(r)
}

func (o *Options) manager(who string) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	if err := clientscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	options := ctrl.Options{
		Scheme: scheme,
		Cache:  cache.Options{DefaultTransform: cache.TransformStripManagedFields(), DefaultNamespaces: map[string]cache.Config{}},
		// Ours are served with the dashboard.
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: o.Health,
		LeaderElection:         o.Elect,
		// The next instance need not wait for the Lease to run out.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(lastWrites + 10*time.Second),
	}
	for _, namespace := range o.Namespaces {
		options.Cache.DefaultNamespaces[namespace] = cache.Config{}
	}
	if e := o.Election; e != (Election{}) {
		options.LeaseDuration, options.RenewDeadline, options.RetryPeriod = &e.Lease, &e.Renew, &e.Retry
	}
	if o.Elect {
		var err error
		if options.LeaderElectionResourceLockInterface, err = o.lock(who); err != nil {
			return nil, err
		}
	}
	mgr, err := ctrl.NewManager(o.Cluster, options)
	if err != nil {
		return nil, o.explain(err)
	}
	return mgr, errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping))
}

// explain says what to do about the commonest mistake.
func (o *Options) explain(err error) error {
	if meta.IsNoMatchError(err) {
		return fmt.Errorf("this cluster knows no %s: flyball deploy kubernetes --without app --apply: %w", v1alpha1.Kind, err)
	}
	return err
}

func autoscalerKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: crd.Group, Version: crd.Version, Kind: v1alpha1.Kind}
}

func autoscaler() *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(autoscalerKind())
	return u
}

// door has documents judged by every instance, whether it acts or not.
type door struct {
	opts    Options
	decoder *decoder
}

// NeedLeaderElection says no.
func (door) NeedLeaderElection() bool { return false }

// Start serves until ctx is done.
func (d door) Start(ctx context.Context) error {
	return d.opts.Admission.Serve(ctx, d.opts.Cluster, d.decoder.judge)
}

// follow hands every object to the desk, from now on.
func follow(objects cache.Informer, d *desk) (stop func() error, err error) {
	registered, err := objects.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { d.seen(o.(*unstructured.Unstructured)) },
		UpdateFunc: func(before, now any) {
			if versionOf(before.(*unstructured.Unstructured)) != versionOf(now.(*unstructured.Unstructured)) {
				d.seen(now.(*unstructured.Unstructured))
			}
		},
		DeleteFunc: func(o any) {
			if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			if was, ok := o.(*unstructured.Unstructured); ok {
				d.gone(keyOf(was))
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return func() error { return objects.RemoveEventHandler(registered) }, nil
}
