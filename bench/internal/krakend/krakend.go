// Package krakend is for KrakenD's engine, Lura, with its gin router: the same answers got at once and merged, as its configuration does
// it. It answers JSON alone. Allow lists keep what the contract has; they do not reach into lists, so elements of lists pass whole.
package krakend

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/luraproject/lura/v2/config"
	"github.com/luraproject/lura/v2/logging"
	"github.com/luraproject/lura/v2/proxy"
	router "github.com/luraproject/lura/v2/router/gin"

	"github.com/sheaf-rpc/sheaf/bench/internal/serving"
)

// Serve answers on a listener until ctx ends, in front of the services at a base URL.
func Serve(ctx context.Context, listener net.Listener, baseURL string) error {
	configuration, err := configure(baseURL)
	if err != nil {
		return err
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.ContextWithFallback = true
	var served error
	router.NewFactory(router.Config{
		Engine:         engine,
		HandlerFactory: router.EndpointHandler,
		ProxyFactory:   proxy.DefaultFactory(logging.NoOp),
		Logger:         logging.NoOp,
		RunServer: func(ctx context.Context, _ config.ServiceConfig, handler http.Handler) error {
			served = serving.Serve(ctx, listener, handler)
			return served
		},
	}).NewWithContext(ctx).Run(configuration)
	return served
}

func configure(baseURL string) (config.ServiceConfig, error) {
	at, err := url.Parse(baseURL)
	if err != nil {
		return config.ServiceConfig{}, fmt.Errorf("configure: %w", err)
	}
	c := config.ServiceConfig{
		Version: config.ConfigVersion, Name: "bench", Host: []string{at.Scheme + "://" + at.Host}, Timeout: 10 * time.Second,
		DisableCompression: true, MaxIdleConns: serving.Connections, MaxIdleConnsPerHost: serving.Connections,
		IdleConnTimeout: 90 * time.Second, DialerTimeout: 2 * time.Second,
		Endpoints: endpoints(at.Path),
	}
	if err := c.Init(); err != nil {
		return c, fmt.Errorf("configure: %w", err)
	}
	return c, nil
}
