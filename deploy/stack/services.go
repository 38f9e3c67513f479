package stack

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/deploy/grafana"
	"github.com/flyball-io/flyball/deploy/prometheus"
)

// Images beside Flyball's, each of a line that gets security fixes.
const (
	redisImage      = "redis:7"
	prometheusImage = "prom/prometheus:v3.5.0"
	grafanaImage    = "grafana/grafana:12.1.0"
)

// Ports. Users' is Options.Published; it is the balancer's 8080.
const (
	balancerPort  = 8080
	dashboardPort = 7070
	rolePort      = 7070 // of a role's own metrics
	grafanaPort   = 3000
)

const appService = "app"

var (
	//go:embed files/datasource.yaml
	dataSource []byte
	//go:embed files/dashboards.yaml
	dashboards []byte
)

// app is what is scaled. It publishes nothing: requests come through the
// balancer.
func (p *planned) app() service {
	e, replicas := p.o.Environment, max(p.o.AppReplicas, p.o.Environment.MinReplicas)
	s := service{
		name: appService, comment: "What is scaled. Flyball sets how many there are; `replicas` is what it begins with.",
		Image: p.o.AppImage, Expose: []string{itoa(p.o.AppPort)}, Networks: []string{appNetwork},
		// Requests in progress finish after SIGTERM: Swarm chooses who goes, and
		// the balancer hears of it a moment later.
		StopGrace: p.o.DrainTimeout.String(),
		Deploy: &deploy{
			Replicas:  &replicas,
			Resources: &resources{Limits: limits{CPUs: e.AppCPUs, Memory: e.AppMemory}},
		},
	}
	if s.Image == "" {
		// It goes on for a moment after SIGTERM, until nobody sends it requests.
		s.Image, s.Command = p.o.FlyballImage, []string{"sample-app", "--address", "0.0.0.0:" + itoa(p.o.AppPort), "--linger", "2s"}
		p.o.build(&s, "flyball")
		s.HealthCheck = &healthCheck{Disable: true} // the image's is for roles
	}
	if p.swarm() {
		s.Deploy.UpdateConfig = &updateConfig{Order: "start-first", Parallelism: 1, FailureAction: "rollback"}
	}
	return s
}

// redis carries what the roles tell each other. It knows the password by its
// hash only.
func (p *planned) redis() {
	s := service{
		name: "redis", comment: "The bus between Flyball's roles. What is not acknowledged outlives a restart.",
		Image: redisImage, User: "999:1000", Networks: []string{controlNetwork},
		Command: []string{"redis-server", "--aclfile", "/etc/redis/users.acl", "--appendonly", "yes", "--dir", "/data", "--save", ""},
	}
	acl := fmt.Sprintf("user default on #%s ~* &* +@all\n", digest(p.m.RedisPassword))
	p.config(&s, File{Path: "redis/users.acl", Data: []byte(acl)}, "/etc/redis/users.acl")
	p.volume(&s, "redis", "/data")
	p.add(s)
}

func (p *planned) prometheus() {
	const uid = "65534"
	s := service{
		name: "prometheus", comment: "Flyball's own metrics, and the balancer's where it has some, for Grafana and for alerts.",
		Image: prometheusImage, User: uid + ":" + uid, Networks: []string{controlNetwork},
		Command: []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus", "--storage.tsdb.retention.time=" + p.o.Environment.Retention},
	}
	p.config(&s, File{Path: "prometheus/prometheus.yml", Data: []byte(p.scrapes())}, "/etc/prometheus/prometheus.yml")
	p.config(&s, File{Path: "prometheus/alerts.yaml", Data: prometheus.Alerts()}, "/etc/prometheus/alerts.yaml")
	p.secret(&s, File{Path: "prometheus/prometheus.token", Data: []byte(p.m.PrometheusToken + "\n")}, "/run/secrets/prometheus.token", uid)
	p.volume(&s, "prometheus", "/prometheus")
	p.add(s)
}

// scrapes is prometheus.yml. The dashboard's metrics are those of the whole
// stack, as it hears of everything; the other roles' are about themselves.
func (p *planned) scrapes() string {
	var b strings.Builder
	fmt.Fprintf(&b, `global: {scrape_interval: 5s, scrape_timeout: 4s}
rule_files: [/etc/prometheus/alerts.yaml]
scrape_configs:
  - job_name: flyball
    scheme: %s
    authorization: {credentials_file: /run/secrets/prometheus.token}
`, p.scheme())
	if p.m.given() {
		// The name in the certificate is the users'; the connection stays on the
		// control network.
		b.WriteString("    tls_config: {insecure_skip_verify: true}\n")
	}
	fmt.Fprintf(&b, "    static_configs: [{targets: [%q]}]\n", "dashboard:"+itoa(dashboardPort))
	fmt.Fprintf(&b, "  - job_name: flyball-roles\n    authorization: {credentials_file: /run/secrets/prometheus.token}\n    static_configs: [{targets: [%s]}]\n",
		strings.Join(p.scraped, ", "))
	if at := p.balancerMetrics(); at != "" {
		fmt.Fprintf(&b, "  - job_name: balancer\n    static_configs: [{targets: [%q]}]\n", at)
	}
	return b.String()
}

// scheme is how the dashboard serves.
func (p *planned) scheme() string {
	if p.m.given() {
		return "https"
	}
	return "http"
}

func (p *planned) grafana() {
	const uid = "472"
	s := service{
		name: "grafana", comment: "Dashboards over time. User admin; the password is in .env (Compose) or secrets/grafana.password (Swarm).",
		Image: grafanaImage, User: uid + ":0", Networks: []string{controlNetwork, edgeNetwork},
		Environment: map[string]string{
			"GF_LOG_MODE": "console", "GF_ANALYTICS_REPORTING_ENABLED": "false", "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
			"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": "/etc/grafana/dashboards/overview.json",
		},
	}
	if p.swarm() {
		s.Environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] = "/run/secrets/grafana.password"
		p.secret(&s, File{Path: "secrets/grafana.password", Data: []byte(p.m.GrafanaPassword)}, "/run/secrets/grafana.password", uid)
	} else {
		s.Environment["GF_SECURITY_ADMIN_PASSWORD"] = "${GRAFANA_PASSWORD:?}"
	}
	if p.m.given() {
		s.Environment["GF_SERVER_PROTOCOL"] = "https"
		s.Environment["GF_SERVER_CERT_FILE"], s.Environment["GF_SERVER_CERT_KEY"] = p.certificate(&s, uid)
	}
	p.config(&s, File{Path: "grafana/datasource.yaml", Data: dataSource}, "/etc/grafana/provisioning/datasources/flyball.yaml")
	p.config(&s, File{Path: "grafana/dashboards.yaml", Data: dashboards}, "/etc/grafana/provisioning/dashboards/flyball.yaml")
	for _, d := range grafana.All() {
		p.config(&s, File{Path: "grafana/" + d.Name + ".json", Data: grafana.File(d.Name)}, "/etc/grafana/dashboards/"+d.Name+".json")
	}
	p.volume(&s, "grafana", "/var/lib/grafana")
	p.page(&s, p.o.GrafanaPort, grafanaPort)
	p.add(s)
}

// environment is what Compose reads secrets from. Swarm has secrets of its own.
func (p *planned) environment() {
	if p.swarm() {
		return
	}
	text := fmt.Sprintf("# Secrets of this stack; made once and kept.\nREDIS_PASSWORD=%s\nFLYBALL_TOKENS=%s\nPROMETHEUS_TOKEN=%s\nGRAFANA_PASSWORD=%s\n",
		p.m.RedisPassword, p.tokens(), p.m.PrometheusToken, p.m.GrafanaPassword)
	if p.o.ServePolicy {
		text += fmt.Sprintf("POLICY_TOKEN=%s\n", p.m.policyToken())
	}
	p.write(File{Path: variablesFile, Data: []byte(text), Secret: true})
}

// tokens let people and Prometheus in.
func (p *planned) tokens() string {
	separator := ","
	if p.swarm() {
		separator = "\n"
	}
	return "admin:" + p.m.Token + separator + "prometheus:" + p.m.PrometheusToken
}
