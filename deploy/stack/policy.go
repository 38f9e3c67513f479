package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// policyService is the container of a policy that is served, where the stack has
// one.
const (
	policyService = "policy"
	policyPort    = 7080
)

// mostConfig is the longest file that every swarm of Docker 20.10 on keeps.
const mostConfig = 500 << 10

// policyModel is where its container finds a model.
const policyModel = "/etc/flyball/model.flyball"

// policyServer answers the planner. It speaks to nobody, keeps nothing, sees
// neither the engine nor the bus, and knows no secret but the tokens of those who
// may ask it.
func (p *planned) policyServer() service {
	s := service{
		name: policyService, comment: "Answers how many replicas there should be; the planner decides without it while it is silent. --policy-model serves a model in the place of predictive.",
		Image: p.o.FlyballImage, Networks: []string{controlNetwork}, HealthCheck: &healthCheck{Disable: true}, // the image's asks for the dashboard
		Environment: map[string]string{},
	}
	served := "predictive"
	if len(p.o.PolicyModel) > 0 {
		served = policyModel
		p.config(&s, File{Path: "policy/model.flyball", Data: p.o.PolicyModel}, policyModel)
	}
	s.Command = []string{"serve-policy", served, "--listen", "0.0.0.0:" + itoa(policyPort)}
	if p.swarm() {
		tokens := fmt.Sprintf("planner: %s\nprometheus: %s\n", p.m.policyToken(), p.m.PrometheusToken)
		p.secret(&s, File{Path: "secrets/policy.tokens", Data: []byte(tokens)}, "/run/secrets/policy.tokens", flyballUser)
		s.Command = append(s.Command, "--token-file", "/run/secrets/policy.tokens")
	} else {
		s.Environment["FLYBALL_TOKENS"] = "planner:${POLICY_TOKEN:?},prometheus:${PROMETHEUS_TOKEN:?}"
	}
	p.scraped = append(p.scraped, policyService+":"+itoa(policyPort))
	return s
}

// mayAsk lets the planner ask the policy.
func (p *planned) mayAsk(planner *service) {
	if !p.o.ServePolicy {
		return
	}
	if p.swarm() {
		p.secret(planner, File{Path: "secrets/policy.token", Data: []byte(p.m.policyToken())}, "/run/secrets/policy.token", flyballUser)
		return
	}
	planner.Environment["POLICY_TOKEN"] = "${POLICY_TOKEN:?}"
}

// policyFields are the body of spec.policy. All roles read the document, and the
// planner alone has the token.
func (p *planned) policyFields() string {
	if !p.o.ServePolicy {
		return "    predictive: {}\n"
	}
	text := fmt.Sprintf("    remote:\n      url: http://%s:%d/v1/recommend\n", policyService, policyPort)
	if p.swarm() {
		text += "      bearerTokenFile: /run/secrets/policy.token\n"
	} else {
		text += "      headers: {Authorization: \"Bearer ${POLICY_TOKEN:-}\"}\n"
	}
	return text + "      fallback: {predictive: {}}\n"
}

// policyToken is made of another secret, which it does not tell.
func (m Material) policyToken() string {
	sum := sha256.Sum256([]byte("policy " + m.RedisPassword))
	return hex.EncodeToString(sum[:16])
}
