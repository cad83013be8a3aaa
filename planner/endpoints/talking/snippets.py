"""Ready pieces of code to talk to an endpoint on SageMaker."""

from __future__ import annotations


def snippets(name: str, region: str, model: str, component: str = "") -> dict[str, str]:
    """Return how to ask an endpoint, by tool.

    Args:
        name: Of the endpoint.
        region: Where it is.
        model: The name that it serves its model under.
        component: Its inference component, where it has one; every request must name it.
    """
    body = (
        f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}], '
        '"max_tokens": 64}'
    )
    url = f"https://runtime.sagemaker.{region}.amazonaws.com/endpoints/{name}/invocations"
    return {
        "curl (signed with SigV4)": "\n".join(
            (
                f"curl {url} \\",
                f'  --aws-sigv4 "aws:amz:{region}:sagemaker" \\',
                '  --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\',
                '  -H "x-amz-security-token: $AWS_SESSION_TOKEN" \\',
                *(
                    [f'  -H "X-Amzn-SageMaker-Inference-Component: {component}" \\']
                    * bool(component)
                ),
                '  -H "Content-Type: application/json" \\',
                f"  -d '{body}'",
            )
        ),
        "Python with boto3": "\n".join(
            (
                "import boto3, json",
                f'client = boto3.client("sagemaker-runtime", region_name="{region}")',
                f"body = {body}",
                "answer = client.invoke_endpoint(",
                f'    EndpointName="{name}", ContentType="application/json", Body=json.dumps(body)'
                + ("," if component else ""),
                *([f'    InferenceComponentName="{component}",'] * bool(component)),
                ")",
                'print(json.load(answer["Body"])["choices"][0]["message"]["content"])',
            )
        ),
        "Python in OpenAI's form (pip install litellm boto3)": "\n".join(
            (
                "from litellm import completion",
                "answer = completion(",
                f'    model="sagemaker_chat/{name}", aws_region_name="{region}",',
                *([f'    model_id="{component}",'] * bool(component)),
                '    messages=[{"role": "user", "content": "Hello"}], max_tokens=64,',
                ")",
                "print(answer.choices[0].message.content)",
            )
        ),
    }
