# An environment made ready to be launched from: run with the flags that the app will have, as
# `julia <flags> -e <this> -- env package words…`, where each word is an app and, behind `=`, its module inside of the package.
# Everything is precompiled, the package is loaded as a launch loads it, and each app must have a `main`.
#
# Internals: Base.ACTIVE_PROJECT, as in resolve.jl; Base.require(Main, name), as in a launch.

import Pkg

"The module of an app, or what is missing on the way to it."
function module_of(package, path)
    found = package
    for name in split(path, '.'; keepempty = false)
        isdefined(found, Symbol(name)) || return "there is no module $name in $found"
        found = getfield(found, Symbol(name))
        found isa Module || return "$name in $package is no module"
    end
    return found
end

"What is wrong with an app, or nothing."
function problem(package, path)
    found = module_of(package, path)
    found isa Module || return found
    return isdefined(found, :main) ? nothing : "there is no function main in $found"
end

function main(env, name, apps)
    Base.ACTIVE_PROJECT[] = joinpath(env, "Project.toml")
    Pkg.precompile()
    empty!(LOAD_PATH)
    push!(LOAD_PATH, env)
    isempty(apps) && return 0
    package = Base.require(Main, Symbol(name))
    status = 0
    for word in apps
        app, path = split(word, '='; limit = 2)
        wrong = Base.invokelatest(problem, package, path)
        wrong === nothing && continue
        println(stderr, "jlapp: the app ", app, " of ", name, " cannot run: ", wrong)
        status = 1
    end
    return status
end

exit(try
    main(ARGS[1], ARGS[2], ARGS[3:end])
catch error
    error isa InterruptException && exit(130)
    printstyled(stderr, "ERROR: "; color = :red, bold = true)
    showerror(stderr, error)
    println(stderr)
    1
end)
