// Package publish derives what every Envoy must do from the routing view. It is pure, and the same view always gives the
// same configuration, so all coordinators publish alike (IN-11).
package publish
