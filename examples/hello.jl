# julia examples/hello.jl [name...]
println("Hello, ", isempty(ARGS) ? "world" : join(ARGS, " "), "!")
