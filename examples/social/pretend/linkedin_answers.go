package pretend

import "net/http"

// linkedinAnswer is an answer that is not written yet, so that it can be made while the state is locked and written after.
type linkedinAnswer struct {
	status int
	// id goes to the header x-restli-id, which is where LinkedIn names what it made.
	id string
	// body is nil for an empty one.
	body any
}

func (a *linkedinAnswer) write(w http.ResponseWriter) {
	if a.id != "" {
		w.Header().Set("X-Restli-Id", a.id)
		w.Header().Set("X-Linkedin-Id", a.id)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer(w, a.status, a.body)
}

// linkedinRefuse answers every request in the same way.
func linkedinRefuse(refusal *linkedinAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refusal.write(w) }
}

// linkedinError is an error with a code in words, or with none.
func linkedinError(status int, code, message string) *linkedinAnswer {
	body := map[string]any{"status": status, "message": message}
	if code != "" {
		body["code"] = code
	}
	return &linkedinAnswer{status: status, body: body}
}

// linkedinServiceError is an error with a number besides, which tells errors of one status apart.
func linkedinServiceError(status, number int, code, message string) *linkedinAnswer {
	body := map[string]any{"status": status, "serviceErrorCode": number, "message": message}
	if code != "" {
		body["code"] = code
	}
	return &linkedinAnswer{status: status, body: body}
}

func linkedinDenied(r *http.Request, resource string) *linkedinAnswer {
	return linkedinServiceError(http.StatusForbidden, 100, "ACCESS_DENIED",
		"Not enough permissions to access: "+resource+"."+r.Header.Get("Linkedin-Version")+"01")
}

// linkedinInput is an error about something that was sent, in the shape that newer resources have.
func linkedinInput(status int, code, description, message string) *linkedinAnswer {
	return linkedinInputAt(status, code, description, message, map[string]any{})
}

func linkedinInputAt(status int, code, description, message string, input map[string]any) *linkedinAnswer {
	problem := map[string]any{"description": description, "input": input, "code": code}
	return &linkedinAnswer{status: status, body: map[string]any{
		"errorDetailType": "com.linkedin.common.error.BadRequest", "message": message, "status": status,
		"errorDetails": map[string]any{"inputErrors": []any{problem}},
	}}
}

// linkedinParameter is what a wrong or missing parameter of a query gets.
func linkedinParameter(name string) *linkedinAnswer {
	return linkedinInputAt(http.StatusBadRequest, "PARAM_INVALID", "Invalid value for param; wrong type or other syntax error",
		"Invalid param. Please see errorDetails for more information.",
		map[string]any{"inputPath": map[string]any{"fieldPath": name}})
}

// linkedinField is how Rest.li says that a field breaks its schema.
func linkedinField(path, complaint string) *linkedinAnswer {
	return linkedinError(http.StatusUnprocessableEntity, "", "ERROR :: "+path+" :: "+complaint+"\n")
}

func linkedinAbsent(path string) *linkedinAnswer {
	return linkedinField(path, "field is required but not found and has no default value")
}
