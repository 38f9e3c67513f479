{{- define "flyball.selector" -}}
app.kubernetes.io/name: flyball
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "flyball.labels" -}}
{{ include "flyball.selector" . }}
{{- /* A digest, or a long tag, is no label. */}}
{{- if regexMatch "^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$" .Values.image.tag }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}
app.kubernetes.io/component: operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* What ends the operator is not of it: its Service and its budget of pods must not count it. */}}
{{- define "flyball.end.labels" -}}
app.kubernetes.io/name: flyball-end
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: end
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* Its rights are there before it. */}}
{{- define "flyball.end.rights" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: "-1"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* What the operator may do where Autoscalers are: each rule says why. */}}
{{- define "flyball.rules" -}}
# The documents, and what is told of them.
- apiGroups: [flyball.io]
  resources: [autoscalers]
  verbs: [get, list, watch]
- apiGroups: [flyball.io]
  resources: [autoscalers/status]
  verbs: [patch]
# What the deciders remember, for the next leader.
- apiGroups: [flyball.io]
  resources: [autoscalermemories]
  verbs: [list, create, patch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# What is scaled: looked at, and its count set, which is all that is written.
- apiGroups: [apps]
  resources: [deployments, statefulsets, replicasets]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments/scale, statefulsets/scale, replicasets/scale]
  verbs: [get, update]
- apiGroups: [""]
  resources: [replicationcontrollers]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [replicationcontrollers/scale]
  verbs: [get, update]
{{- range .Values.rbac.scaleTargets }}
- apiGroups: [{{ .group | quote }}]
  resources:
  {{- range .resources }}
  - {{ . }}
  {{- end }}
  verbs: [get, list, watch]
- apiGroups: [{{ .group | quote }}]
  resources:
  {{- range .resources }}
  - {{ . }}/scale
  {{- end }}
  verbs: [get, update]
{{- end }}
# Its pods: ready, starting, unschedulable.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch{{ if .Values.rbac.podDeletionCost }}, patch{{ end }}]
# Who else scales it: then it is left alone{{ if .Values.rbac.takeOver }}, or they rest{{ end }}.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch{{ if .Values.rbac.takeOver }}, update{{ end }}]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch{{ if .Values.rbac.takeOver }}, update{{ end }}]
# What pods use, and what adapters measure.
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [get, list]
- apiGroups: [custom.metrics.k8s.io, external.metrics.k8s.io]
  resources: ["*"]
  verbs: [get, list]
{{- end }}
