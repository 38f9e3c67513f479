package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Keys of the Secret.
const (
	bundleKey       = "ca.crt"
	authorityKeyKey = "ca.key"
	certificateKey  = core.TLSCertKey
	keyKey          = core.TLSPrivateKeyKey
)

// settle sees that there are certificates which hold, that all instances use
// the same, and that the API server knows who signed them.
func (w *Webhook) settle(ctx context.Context, client kubernetes.Interface) error {
	m, err := w.material(ctx, client)
	if err != nil {
		return err
	}
	if err := w.use(m); err != nil {
		return err
	}
	return w.configure(ctx, client, m.Bundle)
}

// material reads the Secret and renews what it holds. Of two instances that do
// so at the same time one is refused, and takes what the other wrote.
func (w *Webhook) material(ctx context.Context, client kubernetes.Interface) (material, error) {
	secrets := client.CoreV1().Secrets(w.Namespace)
	for range 5 {
		secret, err := secrets.Get(ctx, w.Secret, meta.GetOptions{})
		missing := apierrors.IsNotFound(err)
		if err != nil && !missing {
			return material{}, fmt.Errorf("read secret %s/%s: %w", w.Namespace, w.Secret, err)
		}
		if missing {
			secret = &core.Secret{ObjectMeta: meta.ObjectMeta{Name: w.Secret, Namespace: w.Namespace}}
		}
		m, fresh, err := renew(materialOf(secret), w.host(), w.Clock.Now())
		if err != nil || !fresh {
			return m, err
		}
		secret.Data = map[string][]byte{bundleKey: m.Bundle, authorityKeyKey: m.AuthorityKey, certificateKey: m.Certificate, keyKey: m.Key}
		if missing {
			_, err = secrets.Create(ctx, secret, meta.CreateOptions{})
		} else {
			_, err = secrets.Update(ctx, secret, meta.UpdateOptions{})
		}
		if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return material{}, fmt.Errorf("write secret %s/%s: %w", w.Namespace, w.Secret, err)
		}
		w.Log.Info("certificates of the admission made anew", slog.String("secret", w.Namespace+"/"+w.Secret))
		return m, nil
	}
	return material{}, fmt.Errorf("secret %s/%s: others keep changing it", w.Namespace, w.Secret)
}

func materialOf(s *core.Secret) material {
	return material{Bundle: s.Data[bundleKey], AuthorityKey: s.Data[authorityKeyKey], Certificate: s.Data[certificateKey], Key: s.Data[keyKey]}
}

// configure tells the API server whom to believe.
func (w *Webhook) configure(ctx context.Context, client kubernetes.Interface, bundle []byte) error {
	configurations := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	found, err := configurations.Get(ctx, w.Configuration, meta.GetOptions{})
	if err != nil {
		return fmt.Errorf("read ValidatingWebhookConfiguration %s (webhook.enabled of the chart makes it): %w", w.Configuration, err)
	}
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	var patch []operation
	for i := range found.Webhooks {
		if !bytes.Equal(found.Webhooks[i].ClientConfig.CABundle, bundle) {
			// A name that is not the one at this place any more refuses the patch.
			patch = append(patch, operation{"test", fmt.Sprintf("/webhooks/%d/name", i), found.Webhooks[i].Name},
				operation{"add", fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", i), bundle})
		}
	}
	if len(patch) == 0 {
		return nil
	}
	raw, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	if _, err := configurations.Patch(ctx, w.Configuration, types.JSONPatchType, raw, meta.PatchOptions{FieldManager: "flyball"}); err != nil {
		return fmt.Errorf("tell ValidatingWebhookConfiguration %s the authority: %w", w.Configuration, err)
	}
	return nil
}
