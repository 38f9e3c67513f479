package swarm_test

import (
	"fmt"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/target/swarm"
)

// The labels of a service say what a document says.
func ExampleReadLabels() {
	services := []docker.Service{
		{Name: "shop_web", Labels: map[string]string{"flyball.enable": "true", "flyball.max": "10", "flyball.port": "8080"}},
		{Name: "shop_db"},
	}
	for _, l := range swarm.ReadLabels(services, "") {
		fmt.Println(l.Service, string(l.JSON))
	}
	// Output: shop_web {"apiVersion":"flyball.io/v1alpha1","kind":"Autoscaler","metadata":{"name":"shop-web"},"spec":{"replicas":{"max":10},"target":{"swarm":{"port":8080,"service":"shop_web"}}}}
}
