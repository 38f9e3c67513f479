package admission

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"reflect"

	admission "k8s.io/api/admission/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reviewer answers reviews.
type reviewer struct {
	judge func(object []byte) error
	log   *slog.Logger
}

// largestReview is that of two objects of a cluster, the one before and the one
// now.
const largestReview = 8 << 20

// ServeHTTP answers one review.
func (r reviewer) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, in.Body, largestReview))
	var review admission.AdmissionReview
	if err == nil {
		err = json.Unmarshal(raw, &review)
	}
	if err != nil || review.Request == nil {
		http.Error(w, "must be an AdmissionReview", http.StatusBadRequest)
		return
	}
	review.Response = r.answer(review.Request)
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		r.log.Debug("admission not answered", slog.Any("error", err))
	}
}

func (r reviewer) answer(in *admission.AdmissionRequest) *admission.AdmissionResponse {
	out := &admission.AdmissionResponse{UID: in.UID, Allowed: true}
	if in.Operation != admission.Create && in.Operation != admission.Update || untouched(in) {
		return out
	}
	if err := r.judge(in.Object.Raw); err != nil {
		out.Allowed = false
		out.Result = &meta.Status{Status: meta.StatusFailure, Code: http.StatusUnprocessableEntity, Reason: meta.StatusReasonInvalid, Message: err.Error()}
	}
	return out
}

// untouched reports an update that leaves the document as it was, wrong or not:
// a label must not be refused, nor a finalizer taken off what is deleted.
func untouched(in *admission.AdmissionRequest) bool {
	var before, now struct {
		Spec any `json:"spec"`
	}
	if in.Operation != admission.Update || json.Unmarshal(in.OldObject.Raw, &before) != nil || json.Unmarshal(in.Object.Raw, &now) != nil {
		return false
	}
	return reflect.DeepEqual(before, now)
}
