//go:build tools

package scalers

// What the files that are laid over this folder import, for go.mod.
import (
	_ "github.com/go-logr/logr"
	_ "github.com/kedacore/keda/v2/pkg/metricscollector"
	_ "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	_ "github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
	_ "github.com/kedacore/keda/v2/pkg/util"
	_ "github.com/mitchellh/hashstructure/v2"
	_ "github.com/rcrowley/go-metrics"
	_ "google.golang.org/grpc"
	_ "k8s.io/api/autoscaling/v2"
	_ "k8s.io/apimachinery/pkg/api/resource"
	_ "k8s.io/metrics/pkg/apis/external_metrics"
	_ "sigs.k8s.io/controller-runtime/pkg/log"
)
