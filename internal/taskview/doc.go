// Package taskview owns how clients see a task, wherever they are shown it: as the answer of the API, or posted to a webhook.
package taskview
