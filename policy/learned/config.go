package learned

import (
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/scale"
)

// Config of the policy.
type Config struct {
	// Model is what was learned: the name of one of those in the program ([Shipped]),
	// else a file.
	Model string `json:"model" jsonschema:"minLength=1,description=model in the program by its name (general) or else a file: as flyball train writes it or an ONNX file with the property flyball (docs/learning.md)"`
	// Base is the policy that the model corrects, and that decides where the model
	// knows no better.
	Base scale.Plugin `json:"base,omitzero" jsonschema:"description=policy that the model corrects and that decides alone where the model has never been; it should be the one that the model was trained on; default predictive" jsonschema_extras:"plugin=policy"`
	// Strangeness is how far outside what training showed an observation may be.
	Strangeness float64 `json:"strangeness" jsonschema:"minimum=0,maximum=1000,description=how far outside what the model met in training an observation may be (in standard deviations of training) for the model to be asked; 0 asks it only within"`
}

// Default corrects the predictive policy by the model that ships.
func Default() Config {
	return Config{Model: DefaultModel, Base: scale.Plugin{Kind: "predictive"}, Strangeness: 3}
}

// String says what is corrected: "predictive, by web.flyball".
func (c Config) String() string { return c.Base.Kind + ", by " + c.Model }

// UsualExpert is the base: where a document says nothing of an envelope, what a
// model costs is bounded by what the policy costs that it corrects.
func (c Config) UsualExpert() scale.Plugin { return scale.Plugin{Kind: c.Base.Kind, Body: c.Base.Body} }

// Validate reports every fault but those within the base and the file.
func (c Config) Validate() error {
	var errs []error
	if c.Model == "" {
		errs = append(errs, errors.New("model: must name a model of the program or a file"))
	}
	if c.Base.Kind == "" {
		errs = append(errs, errors.New("base: needs exactly one policy"))
	}
	if !(c.Strangeness >= 0 && c.Strangeness <= 1000) {
		errs = append(errs, fmt.Errorf("strangeness: must be between 0 and 1000, got %v", c.Strangeness))
	}
	return errors.Join(errs...)
}
