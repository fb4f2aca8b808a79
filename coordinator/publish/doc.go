// Package publish derives what every Envoy must do from the routing view, and keeps an xDS server at the newest view.
//
// The derivation is pure, and the same view always gives the same configuration under the same revision, the view's
// epoch. So all coordinators publish alike, and an Envoy may change from one to another without noticing (IN-11). Whether
// a node answers is Envoy's own matter: it checks their health itself.
package publish
