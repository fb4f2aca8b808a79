// Package inside looks at a running cluster past its ingress: into its state, and into its engines.
package inside
